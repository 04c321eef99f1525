-- The role that Grafana reads with: what the dashboard shows and nothing else, never the bytes of a dead
-- letter. It has no password yet: give it one with psql's \password.
CREATE ROLE llm_monitor_reader LOGIN;
ALTER ROLE llm_monitor_reader SET default_transaction_read_only = on;
ALTER ROLE llm_monitor_reader SET statement_timeout = '30s';
-- Compiling a query takes longer than any of these takes to run.
ALTER ROLE llm_monitor_reader SET jit = off;
GRANT SELECT ON rollup_1m, rollup_1h, rollup_service_1m, rollup_service_1h, dirty_hours, series, calls, consumer_offsets, alerts, alert_events, deploys TO llm_monitor_reader;
GRANT SELECT (reason, first_seen) ON dead_letters TO llm_monitor_reader;
