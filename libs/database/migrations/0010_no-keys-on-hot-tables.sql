-- Each of these was a look-up for each new row, and a lock on the one row of its channel or group.
ALTER TABLE "conversations" DROP CONSTRAINT "conversations_channel_id_channels_id_fk";
--> statement-breakpoint
ALTER TABLE "conversations" DROP CONSTRAINT "conversations_contact_id_contacts_id_fk";
--> statement-breakpoint
ALTER TABLE "conversations" DROP CONSTRAINT "conversations_group_id_groups_id_fk";
--> statement-breakpoint
ALTER TABLE "conversations" DROP CONSTRAINT "conversations_agent_id_agents_id_fk";
--> statement-breakpoint
ALTER TABLE "contact_identities" DROP CONSTRAINT "contact_identities_contact_id_contacts_id_fk";
--> statement-breakpoint
-- The lines of a parameter. Planned as a hundred, as json_to_recordset is, whatever they are.
create function turno_lines(value text) returns setof text language sql immutable strict parallel safe rows 100
  as 'select string_to_table(value, E''\n'')';
