"""Use the official SDK as in its documentation, and print the results as JSON."""

import json
import os
import time
from pathlib import Path

from geopera import Geopera
from geopera.api.operations import orders_archive_place
from geopera.models import OrdersArchivePlaceBodyType0

HARBOUR = [151.18, -33.99, 151.24, -33.94]

ready = json.loads(Path(os.environ["READY"]).read_text(encoding="utf-8"))
analyst = ready["principals"]["analyst"]
client = Geopera(token=analyst["token"], base_url=ready["url"])

search = {
    "host_name": "aurora",
    "collections": ["aurora-50cm"],
    "bbox": HARBOUR,
    "limit": 5,
    "query": {"eo:cloud_cover": {"LTE": 60}},
}
features = client.catalog.search(search).to_dict()["features"]
captures = [{"id": one["id"], "geometry": one["geometry"]} for one in features[:1]]
estimate = client.orders.archive.estimate({"captures": captures, "splitByDate": False})
body = {"projectId": analyst["project"], "captures": captures, "licenseType": "standard"}
placed = orders_archive_place.sync_detailed(client=client.client, body=OrdersArchivePlaceBodyType0.from_dict(body))
order = placed.parsed["id"]
again = client.orders.archive.place(body)
cancelled = client.orders.cancel({"order_id": again["id"]})
status = placed.parsed["status"]
for _ in range(100):
    status = client.orders.get({"order_id": order})["status"]
    if status != "processing":
        break
    time.sleep(0.1)
assets = client.orders.list_assets({"order_id": order})["features"]
item = assets[0]["id"]
lineage = client.provenance.get({"entity_type": "item", "entity_id": item})
quicklook = client.catalog.image.quicklook({"host_name": "aurora", "image_id": features[0]["id"]}, detailed=True)
refused = client.catalog.search({"host_name": "aurora"})
missing = client.orders.get({"order_id": "nothing"})
results = {
    "features": len(features),
    "credits": estimate.total_credits,
    "groups": len(estimate.groups),
    "placed": [placed.status_code, placed.parsed["totalCredits"]],
    "cancelled": [cancelled.order_id == again["id"], cancelled.status],
    "status": status,
    "listed": client.orders.list({"size": 50})["totalElements"],
    "assets": len(assets),
    "stac": client.items.get_stac({"item_id": item})["id"] == item,
    "search": client.stac.search({"ids": [item]})["features"][0]["id"] == item,
    "signed": client.items.asset.download({"item_id": item, "asset_id": "visual"})["url"].startswith(ready["url"]),
    "lineage": [edge.dst_type for edge in lineage.edges],
    "balance": client.billing.credits.balance({})["balance_credits"],
    "transactions": [entry["reason"] for entry in client.billing.credits.transactions({"limit": 4})["transactions"]],
    "quicklook": quicklook.status_code,
    "refused": [type(refused).__name__, refused.detail[0].loc],
    "missing": [type(missing).__name__, missing.status],
}
print(json.dumps(results))
