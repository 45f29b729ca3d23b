-- What changes the database. Each is one statement of a client, so a client that
-- vanishes holds no lock for longer than that.

-- The last place of a log that has none yet: its number, then zeros.
CREATE FUNCTION weft_base(p_log int) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT int8send(p_log::bigint << 40) || '\x0000000000000000'::bytea
$$;

-- Take a shard over. The row's lock is held until the end, and every commit share-locks
-- it: this waits for commits in flight, and every later one of an older epoch is refused.
CREATE FUNCTION weft_acquire(
    p_shard int, p_incarnation uuid, p_owner text, p_alive interval,
    OUT r_epoch bigint, OUT r_log int, OUT r_end bytea, OUT r_busy text
) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE weft_shard
        SET epoch = epoch + 1, incarnation = p_incarnation, owner = p_owner,
            since = clock_timestamp()
        WHERE shard = p_shard
            AND (p_alive IS NULL OR NOT EXISTS (
                SELECT 1 FROM weft_heartbeat h
                WHERE h.shard = p_shard AND h.epoch = weft_shard.epoch
                    AND h.at > clock_timestamp() - p_alive))
        RETURNING epoch, log INTO r_epoch, r_log;
    IF NOT FOUND THEN
        SELECT coalesce(owner, '') INTO r_busy FROM weft_shard WHERE shard = p_shard;
        RETURN;
    END IF;
    INSERT INTO weft_epoch_log
        VALUES (p_shard, r_epoch, p_incarnation, p_owner, clock_timestamp(), r_log);
    INSERT INTO weft_heartbeat VALUES (p_shard, r_epoch, clock_timestamp())
        ON CONFLICT (shard) DO UPDATE SET epoch = excluded.epoch, at = excluded.at;
    INSERT INTO weft_log VALUES (r_log, p_shard, weft_base(r_log), NULL)
        ON CONFLICT (log) DO NOTHING;
    SELECT end_place INTO r_end FROM weft_log WHERE log = r_log;
END $$;

-- Whether an epoch is still the present one; leaves its heartbeat.
CREATE FUNCTION weft_prove(p_shard int, p_epoch bigint, p_incarnation uuid)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM weft_shard
        WHERE shard = p_shard AND epoch = p_epoch AND incarnation = p_incarnation;
    IF NOT FOUND THEN RETURN false; END IF;
    UPDATE weft_heartbeat SET at = clock_timestamp()
        WHERE shard = p_shard AND epoch = p_epoch;
    RETURN true;
END $$;

-- One commit group: the only statement that changes the trees. All of it, or an error.
-- FOR SHARE conflicts with the UPDATE of a take-over; FOR KEY SHARE would not, and would
-- fence nothing.
-- Returns 1, or 0 where this very commit had been made before: its answer was lost.
-- WF001 fenced, with the shards; WF002 what was decided upon is not so any more;
-- WF003 the log does not end where the sender left it.
CREATE FUNCTION weft_commit(
    p_shards int[], p_epochs bigint[], p_incarnations uuid[],
    p_log int, p_commit uuid, p_before bytea, p_after bytea,
    r_tree "char"[], r_key bytea[], r_mark bytea[],
    n_tree "char"[], n_key bytea[], n_value bytea[],
    c_tree "char"[], c_key bytea[], c_mark bytea[], c_value bytea[],
    g_tree "char"[], g_key bytea[], g_mark bytea[],
    o_tree "char"[], o_key bytea[], o_value bytea[],
    d_tree "char"[], d_key bytea[]
) RETURNS int LANGUAGE plpgsql
-- The arrays are short beside the table, whatever the planner knows of either.
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE n int; v_end bytea; v_commit uuid; v_bad text;
BEGIN
    IF cardinality(p_shards) > 0 THEN
        SELECT count(*) INTO n FROM (
            SELECT 1 FROM weft_shard s
                JOIN unnest(p_shards, p_epochs, p_incarnations) AS f (shard, epoch, incarnation)
                ON s.shard = f.shard AND s.epoch = f.epoch AND s.incarnation = f.incarnation
            ORDER BY s.shard FOR SHARE OF s) AS valid;
        IF n <> cardinality(p_shards) THEN
            SELECT string_agg(f.shard::text, ',') INTO v_bad
                FROM unnest(p_shards, p_epochs, p_incarnations) AS f (shard, epoch, incarnation)
                WHERE NOT EXISTS (
                    SELECT 1 FROM weft_shard s
                    WHERE s.shard = f.shard AND s.epoch = f.epoch
                        AND s.incarnation = f.incarnation);
            RAISE EXCEPTION 'fenced' USING ERRCODE = 'WF001', DETAIL = coalesce(v_bad, '');
        END IF;
    END IF;

    SELECT end_place, commit_id INTO v_end, v_commit
        FROM weft_log WHERE log = p_log FOR UPDATE;
    IF v_commit = p_commit THEN RETURN 0; END IF;
    IF p_before IS NOT NULL AND v_end IS DISTINCT FROM p_before THEN
        RAISE EXCEPTION 'the log has another end' USING ERRCODE = 'WF003';
    END IF;
    UPDATE weft_log SET end_place = p_after, commit_id = p_commit WHERE log = p_log;

    IF cardinality(r_key) > 0 THEN  -- only read; no mark: absent
        PERFORM 1 FROM unnest(r_tree, r_key, r_mark) AS u (tree, key, mark)
            LEFT JOIN weft_entry e ON e.tree = u.tree AND e.key = u.key
            WHERE substring(e.value FROM octet_length(e.value) - 3)
                IS DISTINCT FROM u.mark LIMIT 1;
        IF FOUND THEN RAISE EXCEPTION 'read' USING ERRCODE = 'WF002'; END IF;
    END IF;
    IF cardinality(c_key) > 0 THEN  -- changed
        UPDATE weft_entry e SET value = u.value
            FROM unnest(c_tree, c_key, c_mark, c_value) AS u (tree, key, mark, value)
            WHERE e.tree = u.tree AND e.key = u.key
                AND substring(e.value FROM octet_length(e.value) - 3) = u.mark;
        GET DIAGNOSTICS n = ROW_COUNT;
        IF n <> cardinality(c_key) THEN
            RAISE EXCEPTION 'changed' USING ERRCODE = 'WF002'; END IF;
    END IF;
    IF cardinality(g_key) > 0 THEN  -- gone
        DELETE FROM weft_entry e
            USING unnest(g_tree, g_key, g_mark) AS u (tree, key, mark)
            WHERE e.tree = u.tree AND e.key = u.key
                AND substring(e.value FROM octet_length(e.value) - 3) = u.mark;
        GET DIAGNOSTICS n = ROW_COUNT;
        IF n <> cardinality(g_key) THEN
            RAISE EXCEPTION 'gone' USING ERRCODE = 'WF002'; END IF;
    END IF;
    IF cardinality(d_key) > 0 THEN  -- deleted, whatever was there
        DELETE FROM weft_entry e USING unnest(d_tree, d_key) AS u (tree, key)
            WHERE e.tree = u.tree AND e.key = u.key;
    END IF;
    IF cardinality(n_key) > 0 THEN  -- new: an entry that is there is an error
        INSERT INTO weft_entry SELECT * FROM unnest(n_tree, n_key, n_value);
    END IF;
    IF cardinality(o_key) > 0 THEN  -- put over whatever was there
        INSERT INTO weft_entry SELECT * FROM unnest(o_tree, o_key, o_value)
            ON CONFLICT (tree, key) DO UPDATE SET value = excluded.value;
    END IF;
    RETURN 1;
END $$;

-- Entries by key, and the beginnings of ranges (`n` counts these from 1; 0: by key).
CREATE FUNCTION weft_fetch(
    p_tree "char"[], p_key bytea[],
    q_tree "char"[], q_low bytea[], q_high bytea[], q_reverse boolean[], q_limit int[]
) RETURNS TABLE (n int, tree "char", key bytea, value bytea) LANGUAGE plpgsql STABLE
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    IF cardinality(p_key) > 0 THEN
        RETURN QUERY SELECT 0, e.tree, e.key, e.value
            FROM unnest(p_tree, p_key) AS u (tree, key)
            JOIN weft_entry e ON e.tree = u.tree AND e.key = u.key;
    END IF;
    IF cardinality(q_tree) > 0 THEN
        RETURN QUERY SELECT q.n::int, q.tree, x.key, x.value
            FROM unnest(q_tree, q_low, q_high, q_reverse, q_limit)
                WITH ORDINALITY AS q (tree, low, high, reverse, lim, n)
            CROSS JOIN LATERAL (
                SELECT e.key, e.value FROM weft_entry e
                WHERE e.tree = q.tree AND e.key >= q.low AND e.key < q.high
                ORDER BY e.key LIMIT q.lim) AS x
            WHERE NOT q.reverse;
        RETURN QUERY SELECT q.n::int, q.tree, x.key, x.value
            FROM unnest(q_tree, q_low, q_high, q_reverse, q_limit)
                WITH ORDINALITY AS q (tree, low, high, reverse, lim, n)
            CROSS JOIN LATERAL (
                SELECT e.key, e.value FROM weft_entry e
                WHERE e.tree = q.tree AND e.key >= q.low AND e.key < q.high
                ORDER BY e.key DESC LIMIT q.lim) AS x
            WHERE q.reverse;
    END IF;
END $$;

-- Move slots to a shard, and fence everybody concerned: an epoch implies a slot map, and
-- commits need not look at it. All get a log with a higher number than any before, so
-- that what happens to a session stays in order wherever it lives.
CREATE FUNCTION weft_reshard(p_slots int[], p_to int) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE v_shards int[]; v_shard int; v_log int;
BEGIN
    SELECT array_agg(DISTINCT s.shard ORDER BY s.shard) INTO v_shards FROM (
        SELECT shard FROM weft_slot WHERE slot = ANY (p_slots) UNION SELECT p_to) AS s;
    INSERT INTO weft_shard (shard, log)
        SELECT p_to, max(log) + 1 FROM weft_log ON CONFLICT DO NOTHING;
    PERFORM 1 FROM weft_shard WHERE shard = ANY (v_shards) ORDER BY shard FOR UPDATE;
    UPDATE weft_slot SET shard = p_to WHERE slot = ANY (p_slots);
    FOREACH v_shard IN ARRAY v_shards LOOP
        SELECT greatest((SELECT max(log) FROM weft_log), (SELECT max(log) FROM weft_shard)) + 1
            INTO v_log;
        INSERT INTO weft_log VALUES (v_log, v_shard, weft_base(v_log), NULL);
        UPDATE weft_shard
            SET epoch = epoch + 1, incarnation = NULL, owner = 'reshard', log = v_log,
                since = clock_timestamp()
            WHERE shard = v_shard;
        INSERT INTO weft_epoch_log
            SELECT shard, epoch, NULL, owner, since, log FROM weft_shard
            WHERE shard = v_shard;
    END LOOP;
    RETURN v_shards;
END $$;

-- The shards of a new database; slots go round among them.
CREATE FUNCTION weft_begin(p_shards int, p_slots int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO weft_shard (shard, log)
        SELECT n, n FROM generate_series(0, p_shards - 1) AS n;
    INSERT INTO weft_log (log, shard, end_place)
        SELECT n, n, weft_base(n) FROM generate_series(0, p_shards - 1) AS n;
    INSERT INTO weft_slot
        SELECT n, n % p_shards FROM generate_series(0, p_slots - 1) AS n;
$$;

INSERT INTO weft_schema VALUES (2);
