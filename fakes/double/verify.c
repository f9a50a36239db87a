/* How often, with what, in what order: found afterwards, told with the nearest calls. */
#include "fakes/verify.h"

#include "fakes/double/internal.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_CALLS_MAX 10 /* in one text */

void fake_times_text(int64_t min, int64_t max, struct text *out)
{
    if (max == 0)
        text_puts(out, "no call");
    else if (min == max)
        text_printf(out, "exactly %" PRId64 " call%s", min, min == 1 ? "" : "s");
    else if (max == INT64_MAX)
        text_printf(out, "at least %" PRId64 " call%s", min, min == 1 ? "" : "s");
    else if (min == 0)
        text_printf(out, "at most %" PRId64 " call%s", max, max == 1 ? "" : "s");
    else
        text_printf(out, "%" PRId64 " to %" PRId64 " calls", min, max);
}

/* How far a call is from what the terms want: how many do not hold. */
struct candidate {
    int64_t index;
    size_t differing;
    struct text how; /* where it differs */
};

/* Of one message. -1: a term cannot be held against it at all, and `how` says why. */
static int differing_terms(const struct fake_term *terms, const ProtobufCMessage *m, struct text *how)
{
    int differing = 0;
    for (const struct fake_term *t = terms; t->kind != FAKE_TERM_END; t++) {
        if (t->kind == FAKE_TERM_TIMES)
            continue;
        struct text instead = TEXT_INIT, term = TEXT_INIT;
        enum fake_fit fit = fake_term_fits(t, m, &instead);
        if (fit != FAKE_FITS) {
            fake_term_text(t, &term);
            text_printf(how, "%s%s: %s", how->len > 0 ? "; " : "", text_string(&term), text_string(&instead));
            differing++;
        }
        text_deinit(&instead);
        text_deinit(&term);
        if (fit == FAKE_NO_FIELD)
            return -1;
    }
    return differing;
}

/* A copy of message `k`, so that terms are held against it outside the lock. ERROR_NOT_FOUND past the last. */
static int take_message(const struct fake *f, const struct method_state *m, int64_t i, size_t k, struct arena *arena,
                        ProtobufCMessage **out)
{
    struct fake *locked = fake_looked_at(f);
    struct fake_call call;
    pthread_mutex_lock(&locked->lock);
    int code = fake_find(locked, m, i, &call);
    if (code == 0)
        code = k < call.messages ? pb_unpack(m->input, fake_message(&call, k), arena, out, NULL) : ERROR_NOT_FOUND;
    pthread_mutex_unlock(&locked->lock);
    return code;
}

/* The message of a call that fits best. Not 0: a term cannot be held against it at all. */
static int look(const struct fake *f, const struct method_state *m, const struct fake_term *terms,
                struct candidate *out)
{
    out->differing = SIZE_MAX;
    int code = 0;
    for (size_t k = 0; out->differing > 0 && code == 0; k++) {
        struct arena arena = ARENA_INIT;
        struct text how = TEXT_INIT;
        ProtobufCMessage *message = NULL;
        int differing = 0, taken = take_message(f, m, out->index, k, &arena, &message);
        if (taken == 0) {
            differing = differing_terms(terms, message, &how);
        } else if (taken != ERROR_NOT_FOUND || k == 0) {
            text_puts(&how, taken == ERROR_NOT_FOUND ? "it brought no message" : "it does not unpack");
            differing = INT_MAX;
        }
        if (taken == ERROR_NOT_FOUND && k > 0) {
            arena_deinit(&arena);
            break;
        }
        if (differing < 0)
            code = ERROR_INVALID;
        if (differing < 0 || (size_t)differing < out->differing) {
            text_deinit(&out->how);
            out->how = how;
            out->differing = differing < 0 ? SIZE_MAX : (size_t)differing;
        } else {
            text_deinit(&how);
        }
        arena_deinit(&arena);
        if (taken == ERROR_NOT_FOUND)
            break;
    }
    return code;
}

/* Keeps the nearest calls, nearest first and among equals the earliest. Takes the candidate. */
static size_t insert(struct candidate *nearest, size_t count, struct candidate c)
{
    size_t at = count;
    while (at > 0 && nearest[at - 1].differing > c.differing)
        at--;
    if (at == SHOWN_CALLS_MAX) {
        text_deinit(&c.how);
        return count;
    }
    if (count == SHOWN_CALLS_MAX)
        text_deinit(&nearest[--count].how);
    memmove(&nearest[at + 1], &nearest[at], (count - at) * sizeof *nearest);
    nearest[at] = c;
    return count + 1;
}

static bool is_plain(const struct fake_term *terms)
{
    for (const struct fake_term *t = terms; t->kind != FAKE_TERM_END; t++)
        if (t->kind != FAKE_TERM_TIMES)
            return false;
    return true;
}

static void expected_text(const struct fake *f, const char *method, const struct fake_term *terms,
                          const struct fake_term *times, struct text *why)
{
    text_puts(why, "expected ");
    fake_times_text(times->min, times->max, why);
    text_printf(why, " of %s/%s", f->service->full_name, method);
    const char *word = " where ";
    for (const struct fake_term *t = terms; t->kind != FAKE_TERM_END; t++) {
        if (t->kind == FAKE_TERM_TIMES)
            continue;
        text_puts(why, word);
        fake_term_text(t, why);
        word = " and ";
    }
}

bool fake_calls_hold(const struct fake *f, const char *method, const struct fake_term *terms, struct text *why)
{
    struct fake_term times = FAKE_AT_LEAST(1);
    struct candidate nearest[SHOWN_CALLS_MAX + 1];
    size_t shown = 0;
    const struct method_state *m = fake_method(f, method);
    if (m == NULL) {
        text_printf(why, "%s has no method \"%s\"", f->service->full_name, method);
        return false;
    }
    for (const struct fake_term *t = terms; t->kind != FAKE_TERM_END; t++)
        if (t->kind == FAKE_TERM_TIMES)
            times = *t;
    int64_t count = fake_count(f, method), matching = 0, from = 0;
    if (is_plain(terms) && count >= times.min && count <= times.max)
        return true;
    int code = 0;
    while (from < count && fake_argument_count(f, (size_t)(m - f->methods), from) < 0)
        from++;
    for (int64_t i = from; i < count && code == 0; i++) {
        struct candidate c = {.index = i, .how = TEXT_INIT};
        code = is_plain(terms) ? 0 : look(f, m, terms, &c);
        matching += c.differing == 0;
        if (code != 0) {
            text_printf(why, "%s", text_string(&c.how));
            text_deinit(&c.how);
        } else {
            shown = insert(nearest, shown, c);
        }
    }
    if (is_plain(terms))
        matching = count;
    bool ok = code == 0 && matching >= times.min && matching <= times.max;
    if (code == 0 && !ok) {
        expected_text(f, method, terms, &times, why);
        text_printf(why, "; there were %" PRId64, count);
        if (!is_plain(terms))
            text_printf(why, ", of which %" PRId64 " fit", matching);
        if (from > 0)
            text_printf(why, " (%" PRId64 " are no longer kept)", from);
        for (size_t i = 0; i < shown; i++) {
            text_puts(why, "\n  ");
            fake_call_line(f, m, nearest[i].index, why);
            if (nearest[i].how.len > 0)
                text_printf(why, "\n      %s", text_string(&nearest[i].how));
        }
        if ((uint64_t)(count - from) > shown)
            text_printf(why, "\n  and %" PRId64 " more", count - from - (int64_t)shown);
    }
    for (size_t i = 0; i < shown; i++)
        text_deinit(&nearest[i].how);
    return ok;
}

bool fake_order_holds(const struct fake *f, bool exact, const char *const *methods, struct text *why)
{
    struct fake_call call;
    const char *const *next = methods;
    bool ok = true;
    for (const char *const *m = methods; *m != NULL; m++)
        if (fake_method(f, *m) == NULL) {
            text_printf(why, "%s has no method \"%s\"", f->service->full_name, *m);
            return false;
        }
    int64_t i = fake_forgotten(f);
    for (; ok && fake_call_at(f, NULL, i, &call) == 0; i++) {
        bool fits = *next != NULL && strcmp(call.method->name, *next) == 0;
        next += fits;
        ok = fits || !exact;
    }
    if (ok && *next == NULL)
        return true;
    text_puts(why, exact ? "expected these calls and no others:" : "expected these calls in this order:");
    for (const char *const *m = methods; *m != NULL; m++)
        text_printf(why, " %s", *m);
    if (ok)
        text_printf(why, "; after %td of them there was no %s", next - methods, *next);
    else
        text_printf(why, "; call %" PRId64 " is %s", i - 1, call.method->name);
    text_puts(why, "\n");
    fake_journal(f, why);
    return false;
}

int fake_expect_at(struct fake *f, const char *file, int line, const char *method, const struct fake_term *terms)
{
    struct method_state *m = fake_method(f, method);
    if (m == NULL) {
        fake_fail(f, file, line, "%s has no method \"%s\"", f->service->full_name, method);
        return ERROR_NOT_FOUND;
    }
    size_t count = 1;
    for (const struct fake_term *t = terms; t->kind != FAKE_TERM_END; t++)
        count++;
    struct expectation e = {file, line, m, malloc(count * sizeof *terms)};
    if (e.terms != NULL)
        memcpy(e.terms, terms, count * sizeof *terms);
    pthread_mutex_lock(&f->lock);
    bool kept = e.terms != NULL && array_push(&f->expectations, e);
    pthread_mutex_unlock(&f->lock);
    if (kept)
        return 0;
    free(e.terms);
    fake_fail(f, file, line, "out of memory");
    return ERROR_MEMORY;
}

bool fake_all_holds(const struct fake *f, struct text *why)
{
    struct fake *locked = fake_looked_at(f);
    bool ok = true;
    pthread_mutex_lock(&locked->lock);
    size_t expectations = f->expectations.count;
    for (size_t i = 0; i < f->failures.count; i++)
        text_printf(why, "%s%s:%d: %s", why->len > 0 ? "\n" : "", f->failures.items[i].file, f->failures.items[i].line,
                    f->failures.items[i].text);
    if (f->failure_count > f->failures.count)
        text_printf(why, "\nand %zu more", f->failure_count - f->failures.count);
    ok = f->failure_count == 0;
    pthread_mutex_unlock(&locked->lock);
    for (size_t i = 0; i < expectations; i++) {
        struct text one = TEXT_INIT;
        pthread_mutex_lock(&locked->lock);
        struct expectation e = f->expectations.items[i];
        pthread_mutex_unlock(&locked->lock);
        if (!fake_calls_hold(f, e.method->method->name, e.terms, &one)) {
            text_printf(why, "%s%s:%d: %s", why->len > 0 ? "\n" : "", e.file, e.line, text_string(&one));
            ok = false;
        }
        text_deinit(&one);
    }
    return ok;
}

const char *fake_keep_text(struct fake *f, struct text *text)
{
    pthread_mutex_lock(&f->lock);
    text_deinit(&f->told);
    f->told = *text;
    *text = TEXT_INIT;
    pthread_mutex_unlock(&f->lock);
    return text_string(&f->told);
}
