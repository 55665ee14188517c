-- The foundation: one journal, the rows that follow from it, and the fence that keeps a single owner.
-- Text is compared byte by byte (COLLATE "C") whatever the database's own collation: faster, and alike everywhere.
-- Amounts are minor units; times are nanoseconds since 1970 unless typed otherwise.

CREATE TABLE partition (
    id           smallint PRIMARY KEY,
    epoch        bigint NOT NULL DEFAULT 0,     -- the owner's; a new owner takes the next one
    last_seq     bigint NOT NULL DEFAULT 0,     -- of the newest journal entry
    verified_seq bigint NOT NULL DEFAULT 0,     -- everything up to it was once verified at a start
    claimed_at   timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

CREATE TABLE journal (
    partition smallint NOT NULL,
    seq       bigint NOT NULL,
    at        bigint NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    key_hash  bigint,
    body      bytea NOT NULL,                   -- JSON, UTF-8; see the view journal_readable
    PRIMARY KEY (partition, seq)
);
CREATE INDEX journal_key ON journal (key_hash) WHERE key_hash IS NOT NULL;

CREATE TABLE posting (
    partition smallint NOT NULL,
    seq       bigint NOT NULL,
    leg       integer NOT NULL,
    account   text COLLATE "C" NOT NULL,
    amount    bigint NOT NULL,
    currency  text COLLATE "C" NOT NULL,
    PRIMARY KEY (partition, seq, leg)
);

-- No index but the key: updates of balances then stay on their page (HOT). A page is pruned when less than a tenth of
-- it, or than the fill factor leaves, is free: a low fill factor prunes at every visit, so it is 90, not 50.
CREATE TABLE account (
    partition    smallint NOT NULL,
    id           text COLLATE "C" NOT NULL,
    slot         integer NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    currency     text COLLATE "C" NOT NULL,
    status       text COLLATE "C" NOT NULL,
    posted       bigint NOT NULL,
    held         bigint NOT NULL CHECK (held >= 0),
    credit_limit bigint NOT NULL,
    iban         text COLLATE "C" NOT NULL,     -- keyed token
    iban_last4   text COLLATE "C" NOT NULL,
    opened_seq   bigint NOT NULL,
    changed_seq  bigint NOT NULL,
    PRIMARY KEY (partition, id)
) WITH (fillfactor = 90);

CREATE TABLE card (
    partition    smallint NOT NULL,
    token        text COLLATE "C" NOT NULL,
    account      text COLLATE "C" NOT NULL,
    expiry       text COLLATE "C" NOT NULL,
    last4        text COLLATE "C" NOT NULL,
    status       text COLLATE "C" NOT NULL,
    amount_limit bigint NOT NULL,
    counters     text COLLATE "C" NOT NULL,
    PRIMARY KEY (partition, token)
) WITH (fillfactor = 90);
CREATE INDEX card_account ON card (partition, account);

-- Called authorization everywhere else; that word is reserved in SQL.
CREATE TABLE card_authorization (
    partition   smallint NOT NULL,
    id          bigint NOT NULL,
    account     text COLLATE "C" NOT NULL,
    card        text COLLATE "C" NOT NULL,
    currency    text COLLATE "C" NOT NULL,
    authorized  bigint NOT NULL,
    remaining   bigint NOT NULL CHECK (remaining >= 0),
    cleared     bigint NOT NULL,
    released    bigint NOT NULL,
    flags       integer NOT NULL,
    expires_at  bigint NOT NULL,
    life_hash   bigint NOT NULL,                -- 0 for none, like the other
    origin_hash bigint NOT NULL,
    changed_seq bigint NOT NULL,
    PRIMARY KEY (partition, id)
) WITH (fillfactor = 90);
-- Those that an owner keeps in memory: OPEN, or LATE and DIRECT but not DECLINED (engine.lifecycle.stays).
CREATE INDEX card_authorization_kept ON card_authorization (partition, id)
    WHERE flags & 1 = 1 OR flags & 400 = 384;
CREATE INDEX card_authorization_life ON card_authorization (life_hash) WHERE life_hash <> 0;
CREATE INDEX card_authorization_origin ON card_authorization (origin_hash) WHERE origin_hash <> 0;

CREATE TABLE tombstone (
    partition          smallint NOT NULL,
    id                 bigint NOT NULL,
    card               text COLLATE "C" NOT NULL,
    life_hash          bigint NOT NULL,
    origin_hash        bigint NOT NULL,
    replacement_amount bigint NOT NULL,
    expires_at         bigint NOT NULL,
    PRIMARY KEY (partition, id)
);
CREATE INDEX tombstone_life ON tombstone (life_hash) WHERE life_hash <> 0;
CREATE INDEX tombstone_origin ON tombstone (origin_hash) WHERE origin_hash <> 0;
CREATE INDEX tombstone_expiry ON tombstone (partition, expires_at);

CREATE TABLE payment (
    partition              smallint NOT NULL,
    id                     bigint NOT NULL,
    account                text COLLATE "C" NOT NULL,
    outgoing               boolean NOT NULL,
    amount                 bigint NOT NULL,
    currency               text COLLATE "C" NOT NULL,
    status                 text COLLATE "C" NOT NULL,
    reason                 text COLLATE "C" NOT NULL,
    message_id             text COLLATE "C" NOT NULL,
    payment_information_id text COLLATE "C" NOT NULL,
    end_to_end_id          text COLLATE "C" NOT NULL,
    instruction_id         text COLLATE "C" NOT NULL,
    transaction_id         text COLLATE "C" NOT NULL,
    file                   text COLLATE "C" NOT NULL,
    position               integer NOT NULL,
    PRIMARY KEY (partition, id)
);
CREATE UNIQUE INDEX payment_of_file ON payment (partition, file, position) WHERE file <> '';

CREATE TABLE payment_file (
    partition     smallint NOT NULL,
    sha256        text COLLATE "C" NOT NULL,
    message_id    text COLLATE "C" NOT NULL,
    initiator     text COLLATE "C" NOT NULL,
    transactions  integer NOT NULL,
    control_sum   bigint NOT NULL,
    status        text COLLATE "C" NOT NULL,
    reason        text COLLATE "C" NOT NULL,
    position      integer NOT NULL,
    accepted      integer NOT NULL,
    accepted_sum  bigint NOT NULL,
    report        text COLLATE "C" NOT NULL,
    report_sha256 text COLLATE "C" NOT NULL,
    PRIMARY KEY (partition, sha256)
) WITH (fillfactor = 50);
CREATE INDEX payment_file_message ON payment_file (partition, initiator, message_id);
CREATE INDEX payment_file_unreported ON payment_file (partition, sha256) WHERE status = 'open' OR report = '';

CREATE TABLE obligation (
    partition smallint NOT NULL,
    id        text COLLATE "C" NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    due_at    bigint NOT NULL,
    subject   text COLLATE "C" NOT NULL,
    met       boolean NOT NULL,
    PRIMARY KEY (partition, id)
);
CREATE INDEX obligation_due ON obligation (partition, due_at) WHERE NOT met;

CREATE TABLE exception (
    partition        smallint NOT NULL,
    id               bigint NOT NULL,
    marker           text COLLATE "C" NOT NULL,
    account          text COLLATE "C" NOT NULL,
    authorization_id bigint NOT NULL,
    PRIMARY KEY (partition, id, marker)
);

CREATE TABLE command (
    partition    smallint NOT NULL,
    id           text COLLATE "C" NOT NULL,
    number       bigint GENERATED ALWAYS AS IDENTITY, -- the order of request
    kind         text COLLATE "C" NOT NULL DEFAULT '',
    body         text COLLATE "C" NOT NULL DEFAULT '', -- JSON; '' where the engine was given it without a row
    status       text COLLATE "C" NOT NULL DEFAULT 'pending', -- pending, done, refused
    result       text COLLATE "C" NOT NULL DEFAULT '',
    requested_at timestamptz NOT NULL DEFAULT now(),
    requested_by text COLLATE "C" NOT NULL DEFAULT '',
    seq          bigint,                        -- of the entry that carried it out
    PRIMARY KEY (partition, id)
);
CREATE INDEX command_pending ON command (partition, number) WHERE status = 'pending';

-- What is written stays: the journal and its postings are only ever added to.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or removed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER journal_is_final BEFORE UPDATE OR DELETE ON journal FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_is_kept BEFORE TRUNCATE ON journal EXECUTE FUNCTION refuse_change();
CREATE TRIGGER posting_is_final BEFORE UPDATE OR DELETE ON posting FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER posting_is_kept BEFORE TRUNCATE ON posting EXECUTE FUNCTION refuse_change();

-- Whoever asks for a command wakes the engine: channel twinrail_command, payload the partition's number.

CREATE FUNCTION announce_command() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('twinrail_command', NEW.partition::text);
    RETURN NULL;
END $$;

CREATE TRIGGER command_is_announced AFTER INSERT ON command
    FOR EACH ROW WHEN (NEW.status = 'pending') EXECUTE FUNCTION announce_command();

CREATE VIEW journal_readable AS
    SELECT partition, seq, to_timestamp(at / 1e9) AS at, kind, convert_from(body, 'UTF8')::jsonb AS entry
    FROM journal;
