-- Spark
SELECT account_id, target_user_name, min(event_time) AS first_quarantined, count(*) AS times
FROM parquet.`alerts` GROUP BY account_id, target_user_name ORDER BY first_quarantined;
