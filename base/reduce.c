#include "base/reduce.h"

#include <stdlib.h>
#include <string.h>

static size_t kept(size_t count, const bool *keep)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += keep[i];
    return n;
}

/* `out`: `keep` without the candidates number `from` up to `to`, counted among those that are kept. */
static void leave_out(size_t count, const bool *keep, size_t from, size_t to, bool *out)
{
    size_t number = 0;
    for (size_t i = 0; i < count; i++) {
        out[i] = keep[i] && (number < from || number >= to);
        number += keep[i];
    }
}

/* Only the complements are asked about: of a set that fails for one reason the single part is found by halving all the
 * same, since what is left out is then more than half. */
bool reduce(size_t count, bool *keep, bool (*still)(void *arg, const bool *keep), void *arg, size_t tries)
{
    bool *smaller = malloc(count > 0 ? count * sizeof *smaller : 1);
    if (smaller == NULL)
        return false;
    size_t parts = 2, left = kept(count, keep);
    bool minimal = false;
    while (!minimal && left > 0 && tries > 0) {
        if (parts > left)
            parts = left;
        bool found = false;
        for (size_t i = 0; i < parts && !found && tries > 0; i++, tries--) {
            leave_out(count, keep, left * i / parts, left * (i + 1) / parts, smaller);
            found = still(arg, smaller);
        }
        if (found) {
            memcpy(keep, smaller, count * sizeof *keep);
            left = kept(count, keep);
            parts = parts > 2 ? parts - 1 : 2;
        } else if (tries > 0 && parts == left) {
            minimal = true;
        } else {
            parts *= 2;
        }
    }
    free(smaller);
    return minimal || left == 0;
}
