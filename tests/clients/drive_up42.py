"""Use the UP42 client with the sandbox as its host, and print the results as JSON."""

import json
import os
import sys
from pathlib import Path

from up42 import host

ready = json.loads(Path(os.environ["READY"]).read_text(encoding="utf-8"))
analyst, url = ready["principals"]["analyst"], ready["url"]
realm = f"{url}/realms/public/protocol/openid-connect"
host.endpoint = lambda path: url + path
host.token_endpoint = lambda: f"{realm}/token"
host.user_info_endpoint = lambda: f"{realm}/userinfo"

import up42  # noqa: E402  # its modules read their URLs from the host

up42.authenticate(username=analyst["username"], password=analyst["password"])
catalog = up42.catalog_client()
capture = next(catalog.search(collections=["aurora-50cm"], bbox=[151.18, -33.99, 151.24, -33.94], max_items=1).items())
collection = next(one for one in up42.ProductGlossary.get_collections() if one.name == "aurora-50cm")
elsewhere = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
features = [{"type": "Feature", "properties": {}, "geometry": shape} for shape in (capture.geometry, elsewhere)]
order_options = {
    "data_product_id": collection.data_products[0].id,
    "display_name": "harbour",
    "features": {"type": "FeatureCollection", "features": features},
    "params": {"id": capture.id},
    "tags": ["morning"],
}
template = up42.BatchOrderTemplate(**order_options)
placed, wrong = template.place()
order = placed.order
order.track(report_time=0.2)
second = up42.BatchOrderTemplate(**order_options).place()[0].order
cancelled = second.cancel()
items = list(up42.stac_client().search(max_items=5).items())
path = items[0].assets["visual"].file.download(Path(sys.argv[1]))
results = {
    "hosts": sorted(one.id for one in catalog.get_collections()),
    "estimate": [template.estimate.credits > 0, template.estimate.unit, type(template.estimate.items[1]).__name__],
    "wrong": wrong.index,
    "status": order.status,
    "details": [order.type, order.details.image_id == capture.id],
    "cancelled": [cancelled.order_id == second.id, cancelled.status],
    "fulfilled": [one.id == order.id for one in up42.Order.all(tags=["morning"], status=["FULFILLED"])],
    "all": len(list(up42.Order.all(workspace_id=up42.base.workspace.id))),
    "tags": up42.Order.update(order.id, tags=["evening"]).tags,
    "downloaded": Path(path).read_bytes()[:2].decode(),
}
print(json.dumps(results))
