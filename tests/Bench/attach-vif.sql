-- What POST /v1/hosts/{host}/guests/{guest}/vifs sends, in its order, for pgbench; AttachScript.cs checks that. What follows from what
-- was read is a variable, the rest a constant.
\set host random(10001, 10100)
\set guest random(1, 100) + 0.5
\set n :n + 1
\set devid 10 + :client_id * 10000000 + :n
BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED;
SELECT x.id, x.applied_revision, x.created_at, x.defaults, x.description, x.driver_kind, x.driver_path, x.mac_policy, x.mac_pool_id, x.name, x.networking, x.networking_state, x.revision, x.ssh, x.updated_at, x.xmin, x.vlan_bridges, x.vlan_scripts, x.xen_version, x.xl_conf
FROM (
    SELECT *, xmin FROM hosts WHERE name = :host FOR UPDATE
) AS x
LIMIT 2 \gset host_
\set revision :host_revision + 1
SELECT g0.id, g0.config, g0.created_at, g0.file_path, g0.host_id, g0.name, g0.type, g0.updated_at, g0.xmin AS bench_xmin, v.id, v.backend, v.bridge, v.devid, v.gatewaydev, v.guest_id, v.host_id, v.ip, v.locking, v.mac, v.mac_written, v.model, v.mtu, v.other, v.position, v.rate_bits_per_second, v.rate_interval_microseconds, v.script, v.script_follows, v.subnet, v.trusted, v.type, v.xmin, v.vifname, v.vlan, v.vlan_in_bridge
FROM (
    SELECT g.id, g.config, g.created_at, g.file_path, g.host_id, g.name, g.type, g.updated_at, g.xmin
    FROM guests AS g
    WHERE g.host_id = :host_id AND g.name = :guest
    LIMIT 2
) AS g0
LEFT JOIN vifs AS v ON g0.id = v.guest_id
ORDER BY g0.id \aset guest_
SELECT b.id, b.created_at, b.description, b.host_id, b.kind, b.mtu, b.name, b.ports, b.updated_at, b.xmin, b.vlan_filtering
FROM bridges AS b
WHERE b.host_id = :host_id;
SELECT g.name, v.devid, v.vifname
FROM vifs AS v
INNER JOIN guests AS g ON v.guest_id = g.id
WHERE v.host_id = :host_id AND v.vifname IS NOT NULL;
SELECT s.id, s.bridge, s.cidr, s.created_at, s.description, s.first, s.gateway, s.host_id, s.last, s.mode, s.name, s.next, s.quarantine, s.version
FROM subnets AS s
WHERE s.host_id = :host_id
ORDER BY s.name;
SELECT m.id, m.created_at, m.description, m.first, m.last, m.multiplier, m.name, m.quarantine, m.xmin
FROM mac_pools AS m
WHERE m.name = 'default'
LIMIT 2;
SET LOCAL enable_seqscan = off;
WITH RECURSIVE reserved AS (
    UPDATE mac_allocations SET state = 'held', holder = '10042/42.5/4', since = '2026-11-27 12:00:00+00'
    WHERE mac = (SELECT r.mac FROM mac_allocations r
                 WHERE r.state = 'reserved' AND r.holder IN ('10042/42.5/4', '10042/42.5') AND 'held' = 'held'
                 ORDER BY r.mac::text LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING mac),
draw AS (
    SELECT nextval('mac_pool_1_seq'::regclass) AS n WHERE NOT EXISTS (SELECT FROM reserved)
  UNION ALL
    SELECT nextval('mac_pool_1_seq'::regclass) FROM draw
    WHERE n < 8388608 AND (
        SELECT t.mac FROM mac_allocations t
        WHERE t.mac = lpad(to_hex(95537856512 + n * 5184443 % 8388608), 12, '0')::macaddr) IS NOT NULL),
candidate AS (
    SELECT lpad(to_hex(95537856512 + n * 5184443 % 8388608), 12, '0')::macaddr AS mac
    FROM draw WHERE n < 8388608 AND n = (SELECT max(n) FROM draw)),
fresh AS (
    INSERT INTO mac_allocations (mac, pool_id, state, holder, since)
    SELECT c.mac, 1, 'held', '10042/42.5/4', '2026-11-27 12:00:00+00' FROM candidate c
    ON CONFLICT (mac) DO NOTHING
    RETURNING mac),
again AS (
    UPDATE mac_allocations SET state = 'held', holder = '10042/42.5/4', since = '2026-11-27 12:00:00+00', available_at = NULL
    WHERE mac = (SELECT q.mac FROM mac_allocations q
                 WHERE q.pool_id = 1 AND q.state = 'quarantined' AND q.available_at <= '2026-11-27 12:00:00+00'
                 ORDER BY q.available_at LIMIT 1 FOR UPDATE SKIP LOCKED)
      AND NOT EXISTS (SELECT FROM reserved) AND NOT EXISTS (SELECT FROM candidate)
    RETURNING mac),
given AS (
    SELECT mac FROM reserved UNION ALL SELECT mac FROM fresh UNION ALL SELECT mac FROM again),
closed AS (
    UPDATE mac_holdings SET held_until = '2026-11-27 12:00:00+00' WHERE mac = (SELECT mac FROM reserved) AND held_until IS NULL),
ledger AS (
    INSERT INTO mac_holdings (mac, holder, state, held_from) SELECT mac, '10042/42.5/4', 'held', '2026-11-27 12:00:00+00' FROM given)
SELECT mac FROM given \gset
\startpipeline
INSERT INTO audit_log (action, actor, after, at, before, host, remote_address, request_id, target)
VALUES ('vif.attach', NULL, '{"vifs": [{"mac": "00:16:3e:80:00:00", "devid": 0, "subnet": null, "locking": "unlocked", "macWritten": true}, {"mac": "00:16:3e:80:00:01", "devid": 1, "subnet": null, "locking": "unlocked", "macWritten": true}, {"mac": "00:16:3e:80:00:02", "devid": 2, "subnet": null, "locking": "unlocked", "macWritten": true}, {"mac": "00:16:3e:80:00:03", "devid": 3, "subnet": null, "locking": "unlocked", "macWritten": true}, {"mac": "00:16:3e:80:00:04", "devid": 4, "subnet": null, "locking": "unlocked", "macWritten": true}], "config": "bmFtZSA9ICc0Mi41Jwp0eXBlID0gJ3B2JwprZXJuZWwgPSAnL2d1ZXN0L3ZtbGludXonCm1lbW9yeSA9IDEyOAp2aWYgPSBbJ21hYz0wMDoxNjozZTo4MDowMDowMCxicmlkZ2U9eGVuYnIwJywgJ21hYz0wMDoxNjozZTo4MDowMDowMSxicmlkZ2U9eGVuYnIwJywgJ21hYz0wMDoxNjozZTo4MDowMDowMixicmlkZ2U9eGVuYnIwJywgJ21hYz0wMDoxNjozZTo4MDowMDowMyxicmlkZ2U9eGVuYnIwJywgJ21hYz0wMDoxNjozZTo4MDowMDowNCxicmlkZ2U9eGVuYnIwJ10K", "filePath": null}', '2026-11-27 12:00:00+00', '{"vifs": [{"mac": "00:16:3e:80:00:00", "devid": 0, "subnet": null, "locking": "unlocked", "macWritten": true}, {"mac": "00:16:3e:80:00:01", "devid": 1, "subnet": null, "locking": "unlocked", "macWritten": true}, {"mac": "00:16:3e:80:00:02", "devid": 2, "subnet": null, "locking": "unlocked", "macWritten": true}, {"mac": "00:16:3e:80:00:03", "devid": 3, "subnet": null, "locking": "unlocked", "macWritten": true}], "config": "bmFtZSA9ICc0Mi41Jwp0eXBlID0gJ3B2JwprZXJuZWwgPSAnL2d1ZXN0L3ZtbGludXonCm1lbW9yeSA9IDEyOAp2aWYgPSBbJ21hYz0wMDoxNjozZTo4MDowMDowMCxicmlkZ2U9eGVuYnIwJywgJ21hYz0wMDoxNjozZTo4MDowMDowMSxicmlkZ2U9eGVuYnIwJywgJ21hYz0wMDoxNjozZTo4MDowMDowMixicmlkZ2U9eGVuYnIwJywgJ21hYz0wMDoxNjozZTo4MDowMDowMyxicmlkZ2U9eGVuYnIwJ10K", "filePath": null}', :host, '127.0.0.1', '01a21d18-7b9a-7cbf-ba63-3a666ffc9259', '10042/42.5/4')
RETURNING id;
UPDATE guests SET config = '\x6e616d65203d202734322e35270a74797065203d20277076270a6b65726e656c203d20272f67756573742f766d6c696e757a270a6d656d6f7279203d203132380a766966203d205b276d61633d30303a31363a33653a38303a30303a30302c6272696467653d78656e627230272c20276d61633d30303a31363a33653a38303a30303a30312c6272696467653d78656e627230272c20276d61633d30303a31363a33653a38303a30303a30322c6272696467653d78656e627230272c20276d61633d30303a31363a33653a38303a30303a30332c6272696467653d78656e627230272c20276d61633d30303a31363a33653a38303a30303a30342c6272696467653d78656e627230275d0a', updated_at = '2026-11-27 12:00:00+00'
WHERE id = :guest_guest_id AND xmin = :guest_bench_xmin
RETURNING xmin;
UPDATE hosts SET revision = :revision, updated_at = '2026-11-27 12:00:00+00'
WHERE id = :host_id AND xmin = :host_xmin
RETURNING xmin;
INSERT INTO revision_objects (host_id, kind, name, revision, document)
VALUES (:host_id, 'guest', :guest, :revision, '{"vifs": [{"mac": "00:16:3e:80:00:00", "devid": 0, "subnet": null, "locking": "unlocked", "macWritten": true}, {"mac": "00:16:3e:80:00:01", "devid": 1, "subnet": null, "locking": "unlocked", "macWritten": true}, {"mac": "00:16:3e:80:00:02", "devid": 2, "subnet": null, "locking": "unlocked", "macWritten": true}, {"mac": "00:16:3e:80:00:03", "devid": 3, "subnet": null, "locking": "unlocked", "macWritten": true}, {"mac": "00:16:3e:80:00:04", "devid": 4, "subnet": null, "locking": "unlocked", "macWritten": true}], "config": "bmFtZSA9ICc0Mi41Jwp0eXBlID0gJ3B2JwprZXJuZWwgPSAnL2d1ZXN0L3ZtbGludXonCm1lbW9yeSA9IDEyOAp2aWYgPSBbJ21hYz0wMDoxNjozZTo4MDowMDowMCxicmlkZ2U9eGVuYnIwJywgJ21hYz0wMDoxNjozZTo4MDowMDowMSxicmlkZ2U9eGVuYnIwJywgJ21hYz0wMDoxNjozZTo4MDowMDowMixicmlkZ2U9eGVuYnIwJywgJ21hYz0wMDoxNjozZTo4MDowMDowMyxicmlkZ2U9eGVuYnIwJywgJ21hYz0wMDoxNjozZTo4MDowMDowNCxicmlkZ2U9eGVuYnIwJ10K", "filePath": null}');
INSERT INTO revisions (host_id, number, actor, created_at, request_id, summary)
VALUES (:host_id, :revision, NULL, '2026-11-27 12:00:00+00', '01a21d18-7b9a-7cbf-ba63-3a666ffc9259', 'vif.attach 42.5/vifs/4');
INSERT INTO vifs (backend, bridge, devid, gatewaydev, guest_id, host_id, ip, mac, mac_written, model, mtu, other, position, rate_bits_per_second, rate_interval_microseconds, script, script_follows, subnet, trusted, type, vifname, vlan, vlan_in_bridge)
VALUES (NULL, 'xenbr0', :devid, NULL, :guest_guest_id, :host_id, NULL, :mac, 't', NULL, NULL, '{}', 4, NULL, NULL, NULL, 'f', NULL, NULL, NULL, NULL, NULL, 'f')
RETURNING id, locking, xmin;
\endpipeline
COMMIT;
