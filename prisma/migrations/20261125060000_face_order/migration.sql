-- CreateIndex
CREATE INDEX "Face_galleryId_id_idx" ON "Face"("galleryId", "id");
