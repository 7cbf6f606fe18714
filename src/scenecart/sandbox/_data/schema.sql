-- The state of the sandbox. The constraints make invalid states impossible to write.

CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE organization (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  billing_mode TEXT NOT NULL CHECK (billing_mode IN ('credit', 'card', 'enterprise')),
  card TEXT CHECK (card IN ('good', 'declined', 'secure')),
  -- credits that are bought with the card if the balance is too low
  auto_top_up INTEGER CHECK (auto_top_up > 0)
) STRICT;

CREATE TABLE project (
  id TEXT PRIMARY KEY,
  organization TEXT NOT NULL REFERENCES organization (id)
) STRICT;

CREATE TABLE principal (
  name TEXT PRIMARY KEY,
  subject TEXT NOT NULL UNIQUE,
  organization TEXT NOT NULL REFERENCES organization (id),
  project TEXT NOT NULL REFERENCES project (id),
  username TEXT UNIQUE,
  password TEXT,
  api_key TEXT NOT NULL UNIQUE,
  scopes TEXT NOT NULL,
  key_scopes TEXT NOT NULL,
  -- the user whom a delegated principal acts for
  acts_for TEXT REFERENCES principal (name)
) STRICT;

-- A sign-in by device flow (RFC 8628) that waits for approval in a browser.
CREATE TABLE device (
  digest TEXT PRIMARY KEY,
  user_code TEXT NOT NULL UNIQUE,
  challenge TEXT,
  expires REAL NOT NULL,
  polled REAL NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'denied')),
  principal TEXT REFERENCES principal (name),
  CHECK ((state = 'approved') = (principal IS NOT NULL))
) STRICT;

CREATE TABLE refresh_token (
  digest TEXT PRIMARY KEY,
  principal TEXT NOT NULL REFERENCES principal (name),
  expires REAL NOT NULL
) STRICT;

-- Double-entry bookkeeping: each transfer moves credits between two accounts, so all balances of an organization sum to zero.
CREATE TABLE account (
  id INTEGER PRIMARY KEY,
  organization TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('issued', 'available', 'reserved', 'income')),
  balance INTEGER NOT NULL DEFAULT 0 CHECK (balance >= 0 OR kind = 'issued'),
  UNIQUE (organization, kind)
) STRICT;

CREATE TABLE transfer (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (
    kind IN ('top-up', 'reserve', 'settle', 'refund', 'hold', 'capture', 'void', 'accrue', 'bill', 'reverse')
  ),
  "order" TEXT REFERENCES "order" (id),
  source INTEGER NOT NULL REFERENCES account (id),
  target INTEGER NOT NULL REFERENCES account (id) CHECK (target != source),
  credits INTEGER NOT NULL CHECK (credits >= 0),
  created REAL NOT NULL,
  CHECK ((kind = 'top-up') = ("order" IS NULL))
) STRICT;

-- An order has exactly one reservation, and later one charge or one refund.
CREATE UNIQUE INDEX transfer_begins ON transfer ("order") WHERE kind IN ('reserve', 'hold', 'accrue');
CREATE UNIQUE INDEX transfer_ends ON transfer ("order")
  WHERE kind IN ('settle', 'refund', 'capture', 'void', 'bill', 'reverse');
CREATE INDEX transfer_of_account ON transfer (source, target);

CREATE TRIGGER transfer_moves AFTER INSERT ON transfer BEGIN
  UPDATE account SET balance = balance - new.credits WHERE id = new.source;
  UPDATE account SET balance = balance + new.credits WHERE id = new.target;
END;
CREATE TRIGGER transfer_stays BEFORE UPDATE ON transfer BEGIN SELECT raise(ABORT, 'a transfer is never changed'); END;
CREATE TRIGGER transfer_remains BEFORE DELETE ON transfer BEGIN SELECT raise(ABORT, 'a transfer is never removed'); END;

CREATE TABLE "order" (
  id TEXT PRIMARY KEY,
  organization TEXT NOT NULL REFERENCES organization (id),
  -- the subject of the principal who placed it
  placed_by TEXT NOT NULL REFERENCES principal (subject),
  project TEXT NOT NULL REFERENCES project (id),
  status TEXT NOT NULL CHECK (status IN ('processing', 'delivered', 'failed', 'cancelled')),
  billing_mode TEXT NOT NULL,
  license_type TEXT NOT NULL,
  display_name TEXT NOT NULL,
  tags TEXT NOT NULL,
  data_product TEXT,
  split_by_date INTEGER NOT NULL CHECK (split_by_date IN (0, 1)),
  credits INTEGER NOT NULL CHECK (credits >= 0),
  groups TEXT NOT NULL,
  captures TEXT NOT NULL,
  created REAL NOT NULL,
  updated REAL NOT NULL,
  no_return REAL NOT NULL,
  due REAL NOT NULL CHECK (due >= no_return),
  key TEXT,
  -- why the order will fail when it is due, if that was requested
  will_fail TEXT,
  reason TEXT CHECK ((status = 'failed') = (reason IS NOT NULL))
) STRICT;

CREATE INDEX order_of_organization ON "order" (organization, created);
CREATE INDEX order_due ON "order" (status, due);
CREATE TRIGGER order_ends BEFORE UPDATE OF status ON "order" WHEN old.status != 'processing' BEGIN
  SELECT raise(ABORT, 'a finished order cannot change its state');
END;

-- An idempotency key with the response to its first request; its owner is an organization, or a principal if keys are per user.
CREATE TABLE claim (
  owner TEXT NOT NULL,
  path TEXT NOT NULL,
  key TEXT NOT NULL,
  request TEXT NOT NULL,
  status INTEGER NOT NULL,
  answer BLOB NOT NULL,
  created REAL NOT NULL,
  PRIMARY KEY (owner, path, key)
) STRICT, WITHOUT ROWID;

-- A 3-D Secure challenge that the buyer must complete before one request can be charged.
CREATE TABLE challenge (
  client_secret TEXT PRIMARY KEY,
  organization TEXT NOT NULL REFERENCES organization (id),
  request TEXT NOT NULL,
  credits INTEGER NOT NULL,
  created REAL NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'completed', 'refused', 'used'))
) STRICT;

CREATE UNIQUE INDEX challenge_open ON challenge (organization, request) WHERE state IN ('pending', 'completed');

CREATE TABLE item (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  organization TEXT NOT NULL REFERENCES organization (id),
  project TEXT NOT NULL REFERENCES project (id),
  "order" TEXT NOT NULL REFERENCES "order" (id),
  capture TEXT NOT NULL,
  begins REAL NOT NULL,
  shape BLOB NOT NULL,
  body TEXT NOT NULL
) STRICT;

CREATE INDEX item_of_order ON item ("order");
