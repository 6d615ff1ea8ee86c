-- AlterEnum
ALTER TYPE "EditKind" ADD VALUE 'UNASSIGN';

-- AlterTable
ALTER TABLE "Edit" ALTER COLUMN "toId" DROP NOT NULL;

-- AlterTable
ALTER TABLE "Face" ADD COLUMN     "apart" DOUBLE PRECISION,
ADD COLUMN     "bright" DOUBLE PRECISION,
ADD COLUMN     "brightness" DOUBLE PRECISION,
ADD COLUMN     "contrast" DOUBLE PRECISION,
ADD COLUMN     "dark" DOUBLE PRECISION,
ADD COLUMN     "outside" INTEGER,
ADD COLUMN     "pitch" DOUBLE PRECISION,
ADD COLUMN     "roll" DOUBLE PRECISION,
ADD COLUMN     "score" DOUBLE PRECISION,
ADD COLUMN     "sharpness" DOUBLE PRECISION,
ADD COLUMN     "size" INTEGER,
ADD COLUMN     "yaw" DOUBLE PRECISION;

-- AlterTable
ALTER TABLE "Gallery" ADD COLUMN     "qualityLimits" JSONB;

-- CreateIndex
CREATE INDEX "Face_galleryId_score_idx" ON "Face"("galleryId", "score");
