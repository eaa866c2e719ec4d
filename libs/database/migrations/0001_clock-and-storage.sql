-- The one clock of every rule. Only a test or demo database may replace this function, to shift or speed up time.
-- Leases use clock_timestamp() itself: they are about processes, not about customers.
create function turno_now() returns timestamptz language sql volatile as 'select clock_timestamp()';
--> statement-breakpoint
-- Room on the page for the updates that come with every message, so that they stay HOT.
alter table conversations set (fillfactor = 85);
--> statement-breakpoint
alter table agents set (fillfactor = 50);
--> statement-breakpoint
alter table groups set (fillfactor = 50);
--> statement-breakpoint
alter table group_members set (fillfactor = 50);
--> statement-breakpoint
alter table log_positions set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
--> statement-breakpoint
-- Rows come and go within milliseconds; a bloated outbox would make the relay read dead rows.
alter table outbox set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
