-- AlterTable
ALTER TABLE "Edit" ALTER COLUMN "fromId" DROP NOT NULL;

-- AlterTable
ALTER TABLE "Face" ADD COLUMN     "jobId" TEXT;

-- CreateIndex
CREATE INDEX "Face_jobId_idx" ON "Face"("jobId");

-- AddForeignKey
ALTER TABLE "Face" ADD CONSTRAINT "Face_jobId_fkey" FOREIGN KEY ("jobId") REFERENCES "Job"("id") ON DELETE SET NULL ON UPDATE CASCADE;
