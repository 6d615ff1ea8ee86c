-- CreateEnum
CREATE TYPE "JobKind" AS ENUM ('ENROL', 'REEMBED');

-- CreateEnum
CREATE TYPE "JobState" AS ENUM ('RECEIVING', 'QUEUED', 'RUNNING', 'DONE', 'FAILED', 'CANCELLED');

-- CreateEnum
CREATE TYPE "JobItemState" AS ENUM ('WAITING', 'DONE', 'REFUSED');

-- AlterTable
ALTER TABLE "Gallery" ADD COLUMN "keepImages" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN "retentionDays" INTEGER;

-- CreateTable
CREATE TABLE "StoredImage" (
    "galleryId" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "mediaType" TEXT NOT NULL,
    "bytes" BYTEA NOT NULL,

    CONSTRAINT "StoredImage_pkey" PRIMARY KEY ("galleryId","hash")
);

-- CreateTable
CREATE TABLE "Job" (
    "id" TEXT NOT NULL,
    "kind" "JobKind" NOT NULL,
    "state" "JobState" NOT NULL,
    "galleryId" TEXT NOT NULL,
    "keyId" TEXT NOT NULL,
    "input" JSONB NOT NULL,
    "total" INTEGER NOT NULL DEFAULT 0,
    "done" INTEGER NOT NULL DEFAULT 0,
    "refused" INTEGER NOT NULL DEFAULT 0,
    "error" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "startedAt" TIMESTAMPTZ(3),
    "finishedAt" TIMESTAMPTZ(3),
    "lease" TEXT,
    "leaseUntil" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "Job_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "JobItem" (
    "jobId" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "input" JSONB NOT NULL,
    "payload" BYTEA,
    "state" "JobItemState" NOT NULL,
    "faceId" TEXT,
    "code" TEXT,
    "message" TEXT,

    CONSTRAINT "JobItem_pkey" PRIMARY KEY ("jobId","position")
);

-- CreateIndex
CREATE INDEX "Job_state_leaseUntil_idx" ON "Job"("state", "leaseUntil");

-- CreateIndex
CREATE INDEX "Job_galleryId_idx" ON "Job"("galleryId");

-- CreateIndex
CREATE INDEX "JobItem_jobId_state_position_idx" ON "JobItem"("jobId", "state", "position");

-- AddForeignKey
ALTER TABLE "StoredImage" ADD CONSTRAINT "StoredImage_galleryId_fkey" FOREIGN KEY ("galleryId") REFERENCES "Gallery"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Job" ADD CONSTRAINT "Job_galleryId_fkey" FOREIGN KEY ("galleryId") REFERENCES "Gallery"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "JobItem" ADD CONSTRAINT "JobItem_jobId_fkey" FOREIGN KEY ("jobId") REFERENCES "Job"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- A photograph goes with the last face that was enrolled from it. In the database, so that no way of
-- deleting faces can forget it. \073 is a semicolon, at which Prisma's adapter would cut the script.
CREATE FUNCTION "deleteUnusedImage"() RETURNS trigger LANGUAGE plpgsql AS E'
BEGIN
  DELETE FROM "StoredImage" AS image
  WHERE image."galleryId" = OLD."galleryId" AND image."hash" = OLD."imageHash"
    AND NOT EXISTS (
      SELECT 1 FROM "Face" AS face
      WHERE face."galleryId" = OLD."galleryId" AND face."imageHash" = OLD."imageHash"
    )\073
  RETURN NULL\073
END';

CREATE TRIGGER "Face_deleteUnusedImage" AFTER DELETE ON "Face"
FOR EACH ROW EXECUTE FUNCTION "deleteUnusedImage"();
