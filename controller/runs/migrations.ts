/**
 * The run store's schema, as numbered steps forward: step n turns version n - 1 into version n. Never edit a released
 * step.
 */
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
  // Trials get several trainings from common seeds, a score of the run's metric, and a role; runs get a stage. A trial
  // of before has one training, called that of the first seed though its seed was its own: its noise is larger for it.
  // `revision` counts saves, so that a reader asks for what is new.
  `ALTER TABLE run ADD COLUMN stage TEXT;
   ALTER TABLE trial RENAME COLUMN validation_accuracy TO score;
   ALTER TABLE trial ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
   CREATE INDEX trial_by_revision ON trial (revision);
   UPDATE trial SET data = json_remove(
     json_set(data,
       '$.score', json_extract(data, '$.validationAccuracy'),
       '$.deviation', NULL,
       '$.role', CASE WHEN json_array_length(data, '$.tokens') = 0 THEN 'by hand' ELSE 'candidate' END,
       '$.trainings', CASE WHEN json_extract(data, '$.duplicateOf') IS NULL THEN json_array(json_object(
         'seed', 0,
         'stage', 'search',
         'state', CASE state WHEN 'pruned' THEN 'complete' WHEN 'running' THEN 'queued' ELSE state END,
         'score', CASE state WHEN 'diverged' THEN 1.0 / (SELECT json_extract(info, '$.classes') FROM run)
                             ELSE json_extract(data, '$.validationAccuracy') END)) ELSE json('[]') END),
     '$.validationAccuracy');
   UPDATE run SET info = json_set(info,
     '$.metric', 'validation accuracy',
     '$.settings.judging', json('{"pruner":"none","references":[],"finals":0,"finalists":0,"verdictSeeds":0}'));`,
  // What a sampler reports becomes a list of named metrics; it had a fixed set of fields, null where it had none. The
  // numbers' texts are kept, so that none is rounded.
  `UPDATE sampler_update SET data = json_object(
     'batch', batch,
     'metrics', (
       SELECT json_group_array(json_object('name', name, 'label', label, 'unit', unit, 'value', json(data -> field))
                               ORDER BY place)
       FROM (
         SELECT 0 AS place, '$.meanReward' AS field, 'mean_reward' AS name, 'mean reward' AS label, 'reward' AS unit
         UNION ALL SELECT 1, '$.bestReward', 'best_reward', 'best reward', 'reward'
         UNION ALL SELECT 2, '$.baseline', 'baseline', 'baseline', 'reward'
         UNION ALL SELECT 3, '$.entropy', 'entropy', 'entropy', 'nats'
         UNION ALL SELECT 4, '$.kl', 'kl', 'KL divergence', 'nats'
         UNION ALL SELECT 5, '$.loss', 'loss', 'loss', '')
       WHERE json_type(data, field) IN ('integer', 'real')),
     'probabilities', json(data -> '$.probabilities'));`,
  // On the target the best meet in rounds. Those of before all had their trainings at once: all rounds are decided.
  `UPDATE run SET stage = json_object(
     'name', 'target', 'round', json_array_length(stage, '$.trials'), 'finalists', json(stage -> '$.trials'),
     'trainings', 0)
   WHERE json_extract(stage, '$.name') = 'target';`,
  // Every setting is stated: those that a run was too old to have are what it ran with, the settings of the controller
  // being the paper's.
  `UPDATE run SET info = json_insert(info,
     '$.settings.controller', json('{"batch":20,"hidden":100,"initialRange":0.1,"learningRate":0.00035,
       "entropyWeight":0.00001,"baselineDecay":0.95,"clip":0.2,"epochs":4}'),
     '$.settings.controller.ranked', 0,
     '$.settings.controller.elites', 0,
     '$.settings.controller.screen', 1,
     '$.settings.childTimeMs', NULL,
     '$.settings.objective', 'validation',
     '$.settings.learnFrom', NULL,
     '$.settings.tableSeeds', json('false'),
     '$.settings.judging.target', NULL);`,
];
