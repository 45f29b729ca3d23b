-- What a database of Weft's holds. No session state, no advisory locks, no
-- LISTEN/NOTIFY, no COPY: it works behind pgbouncer, and its relatives have all of it.

CREATE TABLE weft_schema (
    version int PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The trees, byte for byte as they lie in LMDB. Values end with a CRC32 seeded with
-- tree and key: its four bytes are the mark by which a writer says what it decided on.
CREATE TABLE weft_entry (
    tree "char" NOT NULL,
    key bytea NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (tree, key)
) WITH (fillfactor = 90);

-- The fence: who may write for a shard. Share-locked by every commit, changed by a
-- take-over or a re-sharding only.
CREATE TABLE weft_shard (
    shard int PRIMARY KEY,
    epoch bigint NOT NULL DEFAULT 0,
    incarnation uuid,
    owner text,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    log int NOT NULL UNIQUE
) WITH (fillfactor = 10);

-- Apart from the fence, so that no heartbeat waits for a commit.
CREATE TABLE weft_heartbeat (
    shard int PRIMARY KEY,
    epoch bigint NOT NULL,
    at timestamptz NOT NULL
) WITH (fillfactor = 10);

-- Where each operation log ends, and which commit was its last: how a lost
-- acknowledgement is told from a lost commit.
CREATE TABLE weft_log (
    log int PRIMARY KEY,
    shard int NOT NULL,
    end_place bytea NOT NULL,
    commit_id uuid
) WITH (fillfactor = 10);

-- slot = crc32(session id) % 65536, for ever.
CREATE TABLE weft_slot (
    slot int PRIMARY KEY CHECK (slot BETWEEN 0 AND 65535),
    shard int NOT NULL
);

CREATE TABLE weft_epoch_log (
    shard int NOT NULL,
    epoch bigint NOT NULL,
    incarnation uuid,
    owner text,
    since timestamptz NOT NULL,
    log int NOT NULL,
    PRIMARY KEY (shard, epoch)
);

INSERT INTO weft_schema VALUES (1);
