/** The run store's schema, as numbered steps forward: step n makes version n of version n - 1. Never edit one that shipped. */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE run (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     info TEXT NOT NULL,            -- RunInfo as JSON
     state TEXT NOT NULL,
     elapsed_ms REAL NOT NULL DEFAULT 0,
     sampler_state BLOB,            -- after the last ask or tell
     batches_told INTEGER NOT NULL DEFAULT 0
   );
   CREATE TABLE trial (
     id INTEGER PRIMARY KEY,
     batch INTEGER NOT NULL,
     state TEXT NOT NULL,
     fingerprint TEXT NOT NULL,
     validation_accuracy REAL,
     data TEXT NOT NULL             -- Trial as JSON
   );
   CREATE INDEX trial_by_batch ON trial (batch);
   CREATE TABLE sampler_update (batch INTEGER PRIMARY KEY, data TEXT NOT NULL);
   CREATE TABLE notice (seq INTEGER PRIMARY KEY, data TEXT NOT NULL);`,
];
