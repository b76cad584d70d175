-- +goose Up
-- A command's invocations are counted by their status without reading them.
CREATE INDEX invocations_by_status ON invocations (command_id, stage, details);
