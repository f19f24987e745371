-- For a database that was restored, before a service starts on it. What was asked for or under way when the backup was taken must not
-- go on: the hosts have moved on since. It says so in each operation; whoever still wants one asks again.
UPDATE operation_steps SET status = CASE status WHEN 'running' THEN 'interrupted' ELSE 'skipped' END, finished_at = now() WHERE finished_at IS NULL;
UPDATE operations SET status = 'failed', finished_at = now(),
    error = '{"code": "operation.restored", "message": "The database was restored from a backup that was taken before this operation had ended. What it did on its host since is unknown: observe the host, and ask again."}'
WHERE finished_at IS NULL;
