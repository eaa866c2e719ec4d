-- What waits is numbered as its event is, so that an event which is queued once more leaves before what happened after it.
ALTER TABLE "outbox" ALTER COLUMN "position" DROP DEFAULT;--> statement-breakpoint
drop sequence outbox_position_seq;--> statement-breakpoint
create temporary table waiting_events on commit drop as select event_id from outbox;--> statement-breakpoint
truncate outbox;--> statement-breakpoint
insert into outbox (position, event_id)
select events.position, events.id from events join waiting_events on waiting_events.event_id = events.id;
