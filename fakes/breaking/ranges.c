/* Ranges of numbers that were set aside and are no longer. */
#include "fakes/breaking/internal.h"

#include <stdlib.h>

static int by_first(const void *a, const void *b)
{
    const struct number_range *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

static void show(struct text *out, int64_t first, int64_t last, int64_t highest)
{
    text_puts(out, out->len > 0 ? ", " : "");
    if (first == last)
        text_printf(out, "%lld", (long long)first);
    else if (last >= highest)
        text_printf(out, "%lld to max", (long long)first);
    else
        text_printf(out, "%lld to %lld", (long long)first, (long long)last);
}

/* What of `r` no sorted range covers. */
static void uncovered(struct text *out, struct number_range r, const struct number_range *now, size_t count,
                      int64_t highest)
{
    int64_t from = r.first;
    for (size_t i = 0; i < count && from <= r.last; i++) {
        if (now[i].last < from)
            continue;
        if (now[i].first > r.last)
            break;
        if (now[i].first > from)
            show(out, from, now[i].first - 1, highest);
        from = now[i].last + 1;
    }
    if (from <= r.last)
        show(out, from, r.last, highest);
}

void breaking_ranges(struct comparison *c, enum breaking_rule_id rule, const char *what,
                     const struct schema_element *old_element, const struct schema_element *new_element,
                     const struct number_range *before, size_t before_count, struct number_range *now, size_t now_count,
                     int64_t highest)
{
    if (now_count > 0)
        qsort(now, now_count, sizeof *now, by_first);
    for (size_t i = 0; i < before_count; i++) {
        struct text lost = TEXT_INIT, whole = TEXT_INIT;
        uncovered(&lost, before[i], now, now_count, highest);
        show(&whole, before[i].first, before[i].last, highest);
        if (lost.len > 0)
            breaking_tell(c, rule, schema_place(new_element, NULL, 0), schema_place(old_element, NULL, 0),
                          old_element->full_name, "%s %s of \"%s\" lost %s", what, text_string(&whole),
                          new_element->nested_name, text_string(&lost));
        c->no_memory |= !text_ok(&lost) || !text_ok(&whole);
        text_deinit(&lost);
        text_deinit(&whole);
    }
}
