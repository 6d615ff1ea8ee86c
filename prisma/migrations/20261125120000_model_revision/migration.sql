-- Faces are cut otherwise for this model since its revision 2: what was embedded before cannot be
-- compared with what is embedded now, and says so until it is embedded anew.
UPDATE "Gallery" SET "model" = 'facenet-vggface2@1' WHERE "model" = 'facenet-vggface2';
UPDATE "Embedding" SET "model" = 'facenet-vggface2@1' WHERE "model" = 'facenet-vggface2';
