import type { Gpu } from '../gpu/device.ts';
import type { RowFormat } from '../kernels/search.ts';
import type { Face } from './face.ts';
import type { Image } from './image/image.ts';
import type { Profile, ProfileOptions } from './profile/profile.ts';

/** Parameters of the cascade; the defaults are those of mtcnn 0.1. */
export interface DetectOptions {
  /** Smallest face looked for, in pixels of the shorter side. Default 20. */
  minFaceSize?: number;
  /** Acceptance probability of P-, R- and O-Net. Default [0.6, 0.7, 0.7]. */
  thresholds?: readonly [number, number, number];
  /** Ratio between pyramid levels, 0 < f < 1. Default 0.709. */
  scaleFactor?: number;
}

/** A name of the classifier and its probability. */
export interface NameProbability {
  readonly name: string;
  readonly probability: number;
}

/** One embedding network, loaded and planned on the GPU. */
export interface Embedder {
  /** Manifest name, e.g. `facenet-vggface2`. */
  readonly model: string;
  /** Length of an embedding: 512 (FaceNet) or 2048. */
  readonly dimensions: number;
  /** The model card's cosine distance under which two faces match. */
  readonly threshold: number;
  /** One L2-normalised embedding per face, in order; faces are batched on the GPU. */
  embed(image: Image, faces: readonly Face[]): Promise<Float32Array[]>;
  /**
   * The `top` most probable of the classifier's 8631 names for each face.
   * @throws FacegraphError `ModelUnavailable` when this model has no classifier weights.
   */
  classify(image: Image, faces: readonly Face[], top: number): Promise<NameProbability[][]>;
}

/** An embedding matrix resident on the GPU, searched exactly by cosine distance. */
export interface SearchIndex {
  readonly dimensions: number;
  readonly size: number;
  /** Adds or replaces the row of `id`. The embedding must be L2-normalised. */
  add(id: string, embedding: Float32Array): void;
  /** Removes a row; false when the id is unknown. */
  remove(id: string): boolean;
  /** For each probe the `k` nearest rows, nearest first; cosine distance = 1 − cosine similarity. */
  search(probes: readonly Float32Array[], k: number): Promise<{ id: string; distance: number }[][]>;
  /** Frees the GPU memory. */
  destroy(): void;
}

/** A decoded picture that has a place among what waits for the GPU. */
export interface Admitted {
  readonly image: Image;
  /** Gives the place back where no work with the picture was asked for; else nothing happens. */
  release(): void;
}

/** What the adapter is and can do, for doctor, health and benches. */
export type AdapterSummary = Gpu['adapter'];

/** The whole inference engine over one GPU device. All calls may be made concurrently; the GPU serves them in order. */
export interface Engine {
  readonly adapter: AdapterSummary;
  /**
   * Takes the place of a picture among what waits for the GPU, and only then decodes it: nothing is
   * decoded to be refused afterwards. The first `detect`, `embed` or `classify` with the picture has
   * the place, and is not refused; it is given back when decoding fails.
   * @param size of the picture as its file says.
   * @param decode gets a signal that is aborted when the place is lost: to a client who has less
   *   waiting, or because the caller has gone.
   * @throws FacegraphError `EngineBusy`, `Cancelled`, `ImageTooLarge` when the GPU cannot hold it, and
   *   what `decode` throws.
   */
  admit(
    size: Pick<Image, 'width' | 'height'>,
    decode: (gone: AbortSignal) => Promise<Image>,
  ): Promise<Admitted>;
  /**
   * Every face of the image, best confidence first; empty when there is none.
   * @throws FacegraphError `InvalidInput` for options outside of their bounds, or that let through more
   *   than 131,072 places; `DeviceLost` when the GPU goes away meanwhile (the next call works on a new device).
   */
  detect(image: Image, options?: DetectOptions): Promise<Face[]>;
  /**
   * Loads (once) and returns an embedding model by manifest name.
   * @throws FacegraphError `ModelUnavailable` without weights, `InvalidInput` for an unknown name,
   *   `ModelMismatch` for a past revision (weights/revision.ts).
   */
  embedder(model: string): Promise<Embedder>;
  /**
   * An empty search index.
   * @param format f16 takes half the memory and moves a distance by up to 0.0005; f32 by default.
   */
  index(dimensions: number, format?: RowFormat): SearchIndex;
  /**
   * Times every step of a model and compares it with its reference. Other calls are served in between.
   * @throws FacegraphError as `profileModel`; `EngineBusy` while another profile is being made.
   */
  profile(options: ProfileOptions): Promise<Profile>;
  /** Waits for work in flight, then frees everything. */
  close(): Promise<void>;
}
