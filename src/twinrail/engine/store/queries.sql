-- Every statement the store sends, by name. A word with a colon before it is filled in by our own code from the table
-- of columns (engine.journal.TABLES), never with data; data are the parameters $1, $2 ...

-- The batch is one statement: the fence, one part a table, and the verdict.
-- $1 partition, $2 epoch, $3 last_seq before, $4 last_seq after, $5 separator of texts, $6 rows that must be changed

-- name: batch.fence
UPDATE partition SET last_seq = $4 WHERE id = $1 AND epoch = $2 AND last_seq = $3 RETURNING id

-- name: batch.append
INSERT INTO :table (partition, :columns)
SELECT $1, :columns FROM :rows

-- name: batch.upsert
INSERT INTO :table (partition, :columns)
SELECT $1, :columns FROM :rows
ON CONFLICT (partition, :key) DO UPDATE SET :assignments

-- The key is compared as a whole row, from both sides, so that the plan does not go by statistics: with `=` a table
-- that was empty when it was planned was then read whole for every batch. This comparison has one way to be answered
-- that the writer's session leaves on (see _WRITER): a search in the primary key for every row.
-- name: batch.change
UPDATE :table AS held SET :assignments FROM :rows
WHERE (:held) >= (:fresh) AND (:held) <= (:fresh)
RETURNING 1 AS changed

-- A row that should have been there but was not divides by zero (SQLSTATE 22012), which undoes the whole statement.
-- name: batch.verdict
SELECT fenced, 1 / (CASE WHEN fenced = 0 OR :changed = $6 THEN 1 ELSE 0 END) AS complete
FROM (SELECT count(*) AS fenced FROM fence) AS verdict

-- name: partition.create
INSERT INTO partition (id) VALUES ($1) ON CONFLICT (id) DO NOTHING

-- name: partition.claim
UPDATE partition SET epoch = epoch + 1, claimed_at = now() WHERE id = $1 RETURNING epoch, last_seq

-- name: partition.position
SELECT epoch, last_seq FROM partition WHERE id = $1

-- name: partition.verified
UPDATE partition SET verified_seq = $3 WHERE id = $1 AND epoch = $2

-- Loading a new owner's memory

-- name: load.partition
SELECT epoch, last_seq, verified_seq FROM partition WHERE id = $1

-- name: load.account
SELECT :columns FROM account WHERE partition = $1

-- name: load.card
SELECT :columns FROM card WHERE partition = $1

-- Kept rows stand together in the index of life hashes. The partition is tested by an expression, so that the plan
-- does not read the whole primary key for it where statistics are missing.
-- name: load.authorization
SELECT :columns FROM card_authorization
WHERE partition + 0 = $1 AND (CASE WHEN flags & 1 = 1 OR flags & 400 = 384 THEN 1 ELSE 0 END) = 1 ORDER BY id

-- name: load.tombstone
SELECT :columns FROM tombstone WHERE partition = $1 AND expires_at > $2 ORDER BY id

-- name: load.obligation
SELECT :columns FROM obligation WHERE partition = $1 AND NOT met ORDER BY due_at, id

-- name: load.payment_file
SELECT :columns FROM payment_file WHERE partition = $1 AND (status = 'open' OR report = '') ORDER BY sha256

-- name: load.at
SELECT at FROM journal WHERE partition = $1 AND seq = $2

-- name: load.recent
SELECT body FROM journal
WHERE partition = $1 AND seq >= $2 AND key_hash IS NOT NULL
ORDER BY seq DESC LIMIT $3

-- Verification: each gives the rows that differ, at most five

-- name: verify.held
SELECT coalesce(a.id, o.account) AS subject
FROM (SELECT id, held FROM account WHERE partition = $1 AND held <> 0) AS a
FULL JOIN (
    SELECT account, sum(remaining) AS held FROM card_authorization
    WHERE partition + 0 = $1 AND (CASE WHEN flags & 1 = 1 OR flags & 400 = 384 THEN 1 ELSE 0 END) = 1
    GROUP BY account HAVING sum(remaining) <> 0
) AS o ON o.account = a.id
WHERE a.held IS DISTINCT FROM o.held
LIMIT 5

-- name: verify.total
SELECT currency AS subject FROM account WHERE partition = $1 GROUP BY currency HAVING sum(posted) <> 0 LIMIT 5

-- name: verify.postings
SELECT seq::text AS subject FROM posting
WHERE partition = $1 AND seq > $2 GROUP BY seq, currency HAVING sum(amount) <> 0 LIMIT 5

-- name: verify.gaps
SELECT count(*) AS entries, min(seq) AS first, max(seq) AS last FROM journal WHERE partition = $1 AND seq > $2

-- name: verify.posted
SELECT coalesce(a.id, p.account) AS subject
FROM (SELECT id, posted, currency FROM account WHERE partition = $1) AS a
FULL JOIN (
    SELECT account, currency, sum(amount) AS posted FROM posting WHERE partition = $1 GROUP BY account, currency
) AS p ON p.account = a.id AND p.currency = a.currency
WHERE a.id IS NULL OR a.posted <> coalesce(p.posted, 0)
LIMIT 5

-- Asks

-- name: find.entries
SELECT body FROM journal WHERE key_hash = $2 AND partition + 0 = $1 ORDER BY seq DESC LIMIT $3

-- The partition is tested by an expression, so that the plan cannot go by it: it would read the whole partition where
-- statistics are missing.
-- The index of life hashes lists kept rows apart from all others, so both lists are asked for.
-- name: find.authorization
SELECT :columns FROM card_authorization
WHERE partition + 0 = $1 AND ($4 = '' OR card = $4) AND (
    ((CASE WHEN flags & 1 = 1 OR flags & 400 = 384 THEN 1 ELSE 0 END) = ANY('{0,1}')
        AND life_hash <> 0 AND life_hash = ANY($2::bigint[]))
    OR (origin_hash <> 0 AND origin_hash = ANY($2::bigint[]))
)
ORDER BY id DESC LIMIT $3

-- name: find.tombstone
SELECT :columns FROM tombstone
WHERE partition + 0 = $1 AND ($4 = '' OR card = $4) AND (
    (life_hash <> 0 AND life_hash = ANY($2::bigint[])) OR (origin_hash <> 0 AND origin_hash = ANY($2::bigint[]))
)
ORDER BY id DESC LIMIT $3

-- name: find.payment_file
SELECT :columns FROM payment_file
WHERE partition = $1 AND (sha256 = $2 OR (initiator = $3 AND message_id = $4))
ORDER BY sha256 LIMIT $5

-- Commands

-- name: command.pending
SELECT id, body FROM command WHERE partition = $1 AND status = 'pending' ORDER BY number LIMIT $2

-- name: command.put
INSERT INTO command (partition, id, kind, body, requested_by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (partition, id) DO NOTHING

-- name: command.body
SELECT body FROM command WHERE partition = $1 AND id = $2

-- name: command.outcome
SELECT status, result FROM command WHERE partition = $1 AND id = $2

-- name: command.refuse
UPDATE command SET status = 'refused', result = $3 WHERE partition = $1 AND id = $2 AND status = 'pending'

-- Reports

-- name: report.account
SELECT :account FROM account WHERE partition = $1 AND id = $2

-- name: report.accounts
SELECT :account FROM account WHERE partition = $1 AND id > $2 ORDER BY id LIMIT $3

-- name: report.card
SELECT :card FROM card WHERE partition = $1 AND token = $2

-- name: report.cards_of_account
SELECT :card FROM card WHERE partition = $1 AND account = $2 ORDER BY token LIMIT $3

-- name: report.file
SELECT :file FROM payment_file WHERE partition = $1 AND sha256 = $2

-- name: report.payments_of_file
SELECT :payment FROM payment
WHERE partition = $1 AND file = $2 AND file <> '' AND position > $3 ORDER BY position LIMIT $4

-- name: report.balances
SELECT kind, currency, count(*) AS accounts, sum(posted)::bigint AS posted, sum(held)::bigint AS held
FROM account WHERE partition = $1 GROUP BY kind, currency ORDER BY kind, currency

-- Opening and migrating

-- name: server.settings
SELECT name, setting FROM pg_settings
WHERE name IN ('server_version_num', 'fsync', 'full_page_writes', 'synchronous_commit')

-- name: session.set
SELECT set_config(wanted.name, wanted.value, false)
FROM unnest($1::text[], $2::text[]) AS wanted (name, value)
WHERE EXISTS (SELECT FROM pg_settings WHERE pg_settings.name = wanted.name)

-- name: migration.lock
SELECT pg_try_advisory_lock($1)

-- name: migration.table
CREATE TABLE IF NOT EXISTS schema_migration (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)

-- name: migration.known
SELECT to_regclass('schema_migration') IS NOT NULL

-- name: migration.applied
SELECT number, name, checksum FROM schema_migration ORDER BY number

-- name: migration.record
INSERT INTO schema_migration (number, name, checksum) VALUES ($1, $2, $3)
