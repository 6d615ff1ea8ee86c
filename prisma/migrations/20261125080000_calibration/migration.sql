-- AlterEnum
ALTER TYPE "JobKind" ADD VALUE 'CALIBRATE';

-- AlterTable
ALTER TABLE "Gallery" ADD COLUMN "falseHitRate" DOUBLE PRECISION;

-- CreateTable
CREATE TABLE "Calibration" (
    "id" TEXT NOT NULL,
    "galleryId" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "seed" INTEGER NOT NULL,
    "at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "voidedAt" TIMESTAMP(3),
    "identities" INTEGER NOT NULL,
    "faces" INTEGER NOT NULL,
    "genuinePairs" INTEGER NOT NULL,
    "impostorPairs" INTEGER NOT NULL,
    "equalErrorRate" DOUBLE PRECISION NOT NULL,
    "equalErrorThreshold" DOUBLE PRECISION NOT NULL,
    "points" JSONB NOT NULL,
    "curve" JSONB NOT NULL,

    CONSTRAINT "Calibration_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "Calibration_galleryId_voidedAt_idx" ON "Calibration"("galleryId", "voidedAt");

-- AddForeignKey
ALTER TABLE "Calibration" ADD CONSTRAINT "Calibration_galleryId_fkey" FOREIGN KEY ("galleryId") REFERENCES "Gallery"("id") ON DELETE CASCADE ON UPDATE CASCADE;
