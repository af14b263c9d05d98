/* "Did you mean …?" */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

/* The name nearest to `wrong` (Damerau-Levenshtein, at most a third of its length away,
 * rounded up; case does not count), or NULL when none is near. `names` ends with NULL. */
const char *nearest_name(const char *wrong, const char *const *names);

#endif
