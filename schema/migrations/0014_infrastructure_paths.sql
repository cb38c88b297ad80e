-- Whether a deployed change touches infrastructure, which takes half a minute to ask
-- of a year's commits: the pipeline notes it when it derives the change.

ALTER TABLE {{table "changes_deployed"}} {{onCluster}} ADD COLUMN IF NOT EXISTS files_known UInt8;

ALTER TABLE {{table "changes_deployed"}} {{onCluster}} ADD COLUMN IF NOT EXISTS infrastructure_path String;
