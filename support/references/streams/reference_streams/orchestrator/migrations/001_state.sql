CREATE TABLE orchestrator.instances (
    instance_id text PRIMARY KEY,
    url         text NOT NULL,
    capacity    int  NOT NULL CHECK (capacity > 0),
    active      boolean NOT NULL,
    assigned    int  NOT NULL DEFAULT 0,   -- changed by each decision by what it gives and takes
    version     bigint NOT NULL DEFAULT 0  -- of the newest assignment
);

CREATE TABLE orchestrator.streams (
    stream_id text PRIMARY KEY,
    address   text NOT NULL,
    listed    boolean NOT NULL,            -- in the catalogue; others wait here for their last reader to stop
    held_by   text REFERENCES orchestrator.instances  -- has not yet confirmed that it stopped reading
);

CREATE TABLE orchestrator.assignments (
    stream_id   text CONSTRAINT one_owner PRIMARY KEY,
    instance_id text NOT NULL REFERENCES orchestrator.instances
);

CREATE TABLE orchestrator.assignment_log (
    seq           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream_id     text NOT NULL,
    from_instance text,
    to_instance   text,
    trigger       text NOT NULL,
    trigger_id    text NOT NULL,
    decided_at    timestamptz NOT NULL DEFAULT clock_timestamp()  -- for people; no policy reads it
);

CREATE TABLE orchestrator.catalogue (version bigint NOT NULL);
INSERT INTO orchestrator.catalogue VALUES (-1);  -- not known yet

CREATE SCHEMA contract;

CREATE VIEW contract.instances AS
    SELECT instance_id, CASE WHEN active THEN 'active' ELSE 'inactive' END AS status, capacity, assigned FROM orchestrator.instances;

CREATE VIEW contract.assignments AS
    SELECT s.stream_id, a.instance_id FROM orchestrator.streams s LEFT JOIN orchestrator.assignments a USING (stream_id) WHERE s.listed;

CREATE VIEW contract.assignment_log AS
    SELECT seq, stream_id, from_instance, to_instance, trigger, trigger_id FROM orchestrator.assignment_log;
