-- AlterTable
ALTER TABLE "Edit" ALTER COLUMN "fromId" DROP NOT NULL;

-- AlterTable
ALTER TABLE "Face" ADD COLUMN     "jobId" TEXT;

-- CreateIndex
CREATE INDEX "Face_jobId_idx" ON "Face"("jobId");

-- AddForeignKey
ALTER TABLE "Face" ADD CONSTRAINT "Face_jobId_fkey" FOREIGN KEY ("jobId") REFERENCES "Job"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- CreateEnum
CREATE TYPE "TransferDirection" AS ENUM ('EXPORT', 'IMPORT');

-- CreateTable
CREATE TABLE "Transfer" (
    "id" TEXT NOT NULL,
    "at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "direction" "TransferDirection" NOT NULL,
    "keyId" TEXT NOT NULL,
    "galleryId" TEXT NOT NULL,
    "identities" INTEGER NOT NULL,
    "faces" INTEGER NOT NULL,
    "images" INTEGER NOT NULL,

    CONSTRAINT "Transfer_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "Transfer_galleryId_idx" ON "Transfer"("galleryId");
