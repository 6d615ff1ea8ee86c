-- AlterTable
ALTER TABLE "Gallery" ADD COLUMN "version" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "Identity" ADD COLUMN "template" BYTEA;

-- CreateTable
CREATE TABLE "GalleryChange" (
    "galleryId" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "faceIds" TEXT[],
    "at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "GalleryChange_pkey" PRIMARY KEY ("galleryId","version")
);

-- CreateIndex
CREATE INDEX "GalleryChange_at_idx" ON "GalleryChange"("at");

-- AddForeignKey
ALTER TABLE "GalleryChange" ADD CONSTRAINT "GalleryChange_galleryId_fkey" FOREIGN KEY ("galleryId") REFERENCES "Gallery"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AlterTable
ALTER TABLE "ApiKey" ADD COLUMN "galleryIds" TEXT[] DEFAULT ARRAY[]::TEXT[];

-- A face belongs to its gallery directly, so that the gallery holds a face of a photograph once.
ALTER TABLE "Face" ADD COLUMN "galleryId" TEXT;
UPDATE "Face" SET "galleryId" = "Identity"."galleryId" FROM "Identity" WHERE "Identity"."id" = "Face"."identityId";
ALTER TABLE "Face" ALTER COLUMN "galleryId" SET NOT NULL;
DROP INDEX "Face_identityId_imageHash_box_key";
DROP INDEX "Face_imageHash_idx";
CREATE UNIQUE INDEX "Face_galleryId_imageHash_box_key" ON "Face"("galleryId", "imageHash", "box");
CREATE INDEX "Face_identityId_idx" ON "Face"("identityId");
ALTER TABLE "Face" ADD CONSTRAINT "Face_galleryId_fkey" FOREIGN KEY ("galleryId") REFERENCES "Gallery"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- An embedding says by which model it was made.
ALTER TABLE "Embedding" ADD COLUMN "model" TEXT;
UPDATE "Embedding" SET "model" = "Gallery"."model" FROM "Face" JOIN "Gallery" ON "Gallery"."id" = "Face"."galleryId" WHERE "Face"."id" = "Embedding"."faceId";
ALTER TABLE "Embedding" ALTER COLUMN "model" SET NOT NULL;
ALTER TABLE "Embedding" DROP CONSTRAINT "Embedding_pkey", ADD CONSTRAINT "Embedding_pkey" PRIMARY KEY ("faceId", "model");
