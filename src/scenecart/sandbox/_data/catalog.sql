-- The captures of all hosts, written once and then only read. The table source tells what the file was made from.

CREATE TABLE source (signature TEXT NOT NULL, items INTEGER NOT NULL CHECK (items IN (0, 1))) STRICT;

CREATE TABLE product (
  host TEXT NOT NULL,
  collection TEXT NOT NULL,
  credits_per_km2 INTEGER NOT NULL CHECK (credits_per_km2 >= 0),
  least_km2 REAL NOT NULL CHECK (least_km2 >= 0),
  least_credits INTEGER NOT NULL CHECK (least_credits >= 0),
  unites_one_date INTEGER NOT NULL CHECK (unites_one_date IN (0, 1)),
  retired INTEGER NOT NULL DEFAULT 0 CHECK (retired IN (0, 1)),
  captures INTEGER NOT NULL DEFAULT 0,
  first REAL,
  last REAL,
  west REAL, south REAL, east REAL, north REAL,
  PRIMARY KEY (host, collection)
) STRICT, WITHOUT ROWID;

-- A generated capture has values in all columns and no body; a STAC item from a file has its JSON in body.
-- Across the antimeridian west is greater than east.
CREATE TABLE capture (
  number INTEGER PRIMARY KEY,
  host TEXT NOT NULL,
  collection TEXT NOT NULL,
  id TEXT,
  begins REAL NOT NULL,
  ends REAL NOT NULL,
  cloud REAL,
  west REAL, south REAL, east REAL, north REAL,
  shape BLOB,
  platform TEXT,
  gsd REAL,
  off_nadir REAL,
  azimuth REAL,
  sun_elevation REAL,
  sun_azimuth REAL,
  body TEXT CHECK ((body IS NULL) != (platform IS NULL))
) STRICT;

-- A capture that crosses the antimeridian has two boxes: 2 × number and 2 × number + 1.
CREATE VIRTUAL TABLE capture_box USING rtree (number, west, east, south, north);
