/* Appends as compare-and-set operations: over random small histories, many of them invalid, many with the same text
 * appended twice, the model of registers must say what trying every order of puts, appends and gets says. */
#include "base/test.h"

#include "base/random.h"
#include "base/units.h"
#include "chaos/check/check.h"
#include "chaos/history/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OPERATIONS 7
#define TEXT_SIZE  64

static int64_t rounds = 4000;

struct call {
    char f; /* p, a, g */
    char value[TEXT_SIZE];
    int from, to; /* events; to 0: never */
    int process;
};

/* Some order of those not yet done explains the rest, given what the key holds. */
static bool explained(const struct call *calls, int count, unsigned done, const char *held)
{
    bool owed = false;
    int first_end = 1000;
    for (int i = 0; i < count; i++) {
        if ((done >> i & 1) != 0 || calls[i].to == 0)
            continue;
        owed = true;
        first_end = calls[i].to < first_end ? calls[i].to : first_end;
    }
    if (!owed)
        return true;
    for (int i = 0; i < count; i++) {
        const struct call *c = &calls[i];
        char next[2 * TEXT_SIZE];
        if ((done >> i & 1) != 0 || c->from > first_end || (c->f == 'g' && (c->to == 0 || strcmp(c->value, held) != 0)))
            continue;
        snprintf(next, sizeof next, "%s%s", c->f == 'p' ? "" : held, c->f == 'g' ? "" : c->value);
        if (explained(calls, count, done | 1U << i, next))
            return true;
    }
    return false;
}

/* A run of a real key, with overlaps; then perhaps a get changed to what the key held at another time. */
static int make(struct random *r, struct call *calls)
{
    static const char *const texts[] = {"x", "y", "z", "u", "v", ""};
    int count = 3 + (int)random_below(r, OPERATIONS - 2), pending[4] = {-1, -1, -1, -1}, event = 0, made = 0;
    size_t variety = 2 + random_below(r, 5);
    bool taken[OPERATIONS] = {false};
    char held[TEXT_SIZE] = "", once[OPERATIONS][TEXT_SIZE]; /* after the n-th that took effect */
    size_t changes = 0;
    for (int left = count * 2 + 4; left > 0; left--) {
        size_t p = random_below(r, 4);
        int i = pending[p];
        event++;
        if (i < 0 && made < count) {
            struct call *c = &calls[made];
            uint64_t what = random_below(r, 10);
            *c = (struct call){.f = what < 1 ? 'p' : what < 6 ? 'a' : 'g', .from = event, .process = made};
            snprintf(c->value, sizeof c->value, "%s", c->f == 'g' ? "" : texts[random_below(r, variety)]);
            pending[p] = made++;
        } else if (i >= 0 && !taken[i]) { /* it takes effect */
            struct call *c = &calls[i];
            char before[TEXT_SIZE];
            taken[i] = true;
            snprintf(before, sizeof before, "%s", held);
            if (c->f == 'g')
                snprintf(c->value, sizeof c->value, "%s", held);
            else
                snprintf(held, sizeof held, "%.30s%.30s", c->f == 'p' ? "" : before, c->value);
            memcpy(once[changes++], held, TEXT_SIZE);
        } else if (i >= 0) {
            calls[i].to = event;
            pending[p] = -1;
        }
    }
    for (int i = 0; i < made; i++)
        if (calls[i].f == 'g' && changes > 0 && random_below(r, 3) == 0)
            memcpy(calls[i].value, once[random_below(r, changes)], TEXT_SIZE);
    return made;
}

static void print_event(const struct call *c, bool end, struct text *out)
{
    text_printf(out, "{:process %d, :type %s, :f :%s, :key 1, :value ", c->process, end ? ":ok" : ":invoke",
                c->f == 'p'   ? "put"
                : c->f == 'a' ? "append"
                              : "get");
    if (c->f == 'g' && !end)
        text_puts(out, "nil}\n");
    else
        text_printf(out, "\"%s\"}\n", c->value);
}

static void print(const struct call *calls, int count, struct text *out)
{
    for (int event = 1; event < 100; event++)
        for (int i = 0; i < count; i++)
            if (calls[i].from == event || calls[i].to == event)
                print_event(&calls[i], calls[i].to == event, out);
}

static void test_like_every_order(void **state)
{
    (void)state;
    struct random r;
    int64_t valid = 0, invalid = 0, refused = 0;
    const struct check_model *model = check_model_find("cas-register");
    random_seed(&r, 21);
    for (int64_t round = 0; round < rounds; round++) {
        struct call calls[OPERATIONS];
        struct history h;
        struct check_result result;
        struct text text = TEXT_INIT;
        int count = make(&r, calls);
        print(calls, count, &text);
        int code = history_parse(text_bytes(&text), "h", NULL, &h, NULL, NULL);
        if (code == ERROR_UNSUPPORTED) {
            refused++;
        } else {
            assert_int_equal(code, 0);
            check_result_init(&result);
            assert_int_equal(check_run(model, &h, NULL, &result, NULL), 0);
            bool right = explained(calls, count, 0, "");
            if ((result.verdict == VERDICT_VALID) != right)
                fail_msg("round %" PRId64 " is %s:\n%s", round, right ? "valid" : "invalid", text_string(&text));
            *(right ? &valid : &invalid) += 1;
            check_result_deinit(&result);
            history_deinit(&h);
        }
        text_deinit(&text);
    }
    print_message("%" PRId64 " valid, %" PRId64 " invalid, %" PRId64 " refused\n", valid, invalid, refused);
    assert_true(valid > rounds / 4 && invalid > rounds / 50);
}

int main(int argc, char **argv)
{
    if (argc > 1 && units_parse_integer(argv[1], 1, INT64_MAX, &rounds, NULL) != 0) {
        fprintf(stderr, "usage: appends_test [RANDOM_HISTORIES]\n");
        return 2;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_like_every_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
