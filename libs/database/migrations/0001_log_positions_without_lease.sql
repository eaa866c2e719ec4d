-- No release reads or writes it, the first one included, so code that knows one migration works on: turno_migrations_min() stays.
ALTER TABLE "log_positions" DROP COLUMN "lease_until";
