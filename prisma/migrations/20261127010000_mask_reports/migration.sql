-- AlterEnum
ALTER TYPE "JobKind" ADD VALUE 'MASK_REPORT';

-- CreateTable
CREATE TABLE "MaskReport" (
    "id" TEXT NOT NULL,
    "galleryId" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "seed" INTEGER NOT NULL,
    "at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "fmrAsked" DOUBLE PRECISION NOT NULL,
    "fmr" DOUBLE PRECISION NOT NULL,
    "identities" INTEGER NOT NULL,
    "faces" INTEGER NOT NULL,
    "lost" INTEGER NOT NULL,
    "missed" INTEGER NOT NULL,
    "helped" INTEGER NOT NULL,
    "figures" JSONB NOT NULL,

    CONSTRAINT "MaskReport_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "MaskRisk" (
    "reportId" TEXT NOT NULL,
    "place" INTEGER NOT NULL,
    "identityId" TEXT NOT NULL,
    "probes" INTEGER NOT NULL,
    "missedUnmasked" INTEGER NOT NULL,
    "missedMasked" INTEGER NOT NULL,
    "missedWithMaskedEnrolment" INTEGER NOT NULL,
    "rise" DOUBLE PRECISION,
    "maskedEnrolmentHelps" BOOLEAN NOT NULL,

    CONSTRAINT "MaskRisk_pkey" PRIMARY KEY ("reportId","place")
);

-- CreateTable
CREATE TABLE "MaskedFace" (
    "jobId" TEXT NOT NULL,
    "place" INTEGER NOT NULL,
    "faceId" TEXT NOT NULL,
    "drawn" BOOLEAN NOT NULL DEFAULT false,
    "mask" JSONB,
    "vector" BYTEA,

    CONSTRAINT "MaskedFace_pkey" PRIMARY KEY ("jobId","place")
);

-- CreateIndex
CREATE INDEX "MaskReport_galleryId_id_idx" ON "MaskReport"("galleryId", "id");

-- CreateIndex
CREATE INDEX "MaskRisk_identityId_idx" ON "MaskRisk"("identityId");

-- CreateIndex
CREATE INDEX "MaskedFace_faceId_idx" ON "MaskedFace"("faceId");

-- AddForeignKey
ALTER TABLE "MaskReport" ADD CONSTRAINT "MaskReport_galleryId_fkey" FOREIGN KEY ("galleryId") REFERENCES "Gallery"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MaskRisk" ADD CONSTRAINT "MaskRisk_reportId_fkey" FOREIGN KEY ("reportId") REFERENCES "MaskReport"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MaskRisk" ADD CONSTRAINT "MaskRisk_identityId_fkey" FOREIGN KEY ("identityId") REFERENCES "Identity"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MaskedFace" ADD CONSTRAINT "MaskedFace_jobId_fkey" FOREIGN KEY ("jobId") REFERENCES "Job"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MaskedFace" ADD CONSTRAINT "MaskedFace_faceId_fkey" FOREIGN KEY ("faceId") REFERENCES "Face"("id") ON DELETE CASCADE ON UPDATE CASCADE;
