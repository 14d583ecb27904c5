-- Once, on the database of Spacebar, as the owner of its tables:
--   psql --dbname spacebar --set password='…' --file voice.sql

-- Bots leave `self_video` out when they join. Without a default, Spacebar's gateway closes their connection.
ALTER TABLE voice_states ALTER COLUMN self_video SET DEFAULT false;

-- The bridge only reads.
CREATE ROLE parley LOGIN PASSWORD :'password';
GRANT SELECT ON voice_states, members, streams, stream_sessions, guilds, channels, roles, member_roles, recipients, config TO parley;
