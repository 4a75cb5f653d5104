-- A notebook for DuckDB over a dataset of alerts and a case. Make these first, then run `duckdb < examples/duckdb.sql`
-- (`pip install duckdb-cli`; the package `duckdb` has no command line):
--     trailsift hunt -o alerts/ data/trail
--     trailsift hunt -o alerts.parquet data/trail
--     trailsift investigate --output case alerts.parquet data/trail

.print Users, and how often each was quarantined
SELECT account_id, target_user_name, min(event_time) AS first_quarantined, count(*) AS times
FROM read_parquet('alerts/*.parquet') WHERE sighting = 1
GROUP BY ALL ORDER BY first_quarantined;

.print Quarantines that a person or program attached, and not AWS
SELECT event_time, account_id, target_user_name, actor_arn, source_address
FROM read_parquet('alerts/*.parquet') WHERE sighting = 1 AND source_address <> 'AWS Internal' ORDER BY event_time;

.print Quarantines by year
SELECT year(event_time) AS year, policy_name, count(*) AS quarantines
FROM read_parquet('alerts/*.parquet') WHERE sighting = 1 GROUP BY ALL ORDER BY ALL;

.print How many events of the case belong to it, and why
SELECT relation, count(*) AS events, min(event_time) AS first, max(event_time) AS last
FROM 'case/events.parquet' GROUP BY relation ORDER BY first;

.print Calls that changed something, from the first to the last
SELECT event_time, event_action, source_address, acted_on, made
FROM 'case/events.parquet' WHERE NOT read_only AND event_outcome = 'success' ORDER BY event_time;

.print Data that the case touched
SELECT event_time, event_action, target.name, target.data, target.account_id
FROM (SELECT event_time, event_action, unnest(targets) AS target FROM 'case/events.parquet')
WHERE target.data <> '' ORDER BY event_time;

.print Who led to whom: sessions, users, roles and keys
SELECT event_time, from_kind, from_name, edge, to_kind, to_name
FROM 'case/edges.parquet' ORDER BY event_time;

.print Others at the addresses from which the keys were used
SELECT address, kind, account_id, name, events FROM 'case/neighbours.parquet' ORDER BY events DESC;
