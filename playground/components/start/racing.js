// Whether a race runs on this page. The runs of the other tabs wait behind its models for a core.
let race = null;

/** Takes the race of the Start tab. */
export const raceOf = (one) => {
  race = one;
};

export const racing = () => Boolean(race?.running);
