// What the bench and its subjects' processes tell each other.
export interface Question {
  readonly id: number;
  /** Of one of the subject's controls. */
  readonly name: string;
  readonly argument?: unknown;
}

/** The first one, with id 0, comes unasked: the port. */
export interface Answer {
  readonly id: number;
  readonly answer?: unknown;
  readonly error?: string;
}
