/* The window against a plain model: an array of states, one per number. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "base/random.h"
#include "runtime/events/window.h"

#include <stdlib.h>
#include <string.h>

#define NUMBERS 600
#define HOLDERS 3

enum { FREE, DONE, HELD, WAITING };

struct model {
    int state[NUMBERS + 2];
    size_t holder[NUMBERS + 2];
    uint32_t deliveries[NUMBERS + 2];
    uint64_t next;
};

static uint64_t model_position(const struct model *m)
{
    uint64_t n = 1;
    while (n < m->next && m->state[n] == DONE)
        n++;
    return n;
}

static uint64_t model_waiting(const struct model *m)
{
    for (uint64_t n = 1; n < m->next; n++)
        if (m->state[n] == WAITING)
            return n;
    return 0;
}

static void check(struct window *w, const struct model *m)
{
    assert_true(window_valid(w));
    assert_int_equal(w->position, model_position(m));
    assert_int_equal(w->next, m->next);
    assert_int_equal(window_waiting(w), model_waiting(m));
    for (uint64_t n = w->position; n < w->next; n++) {
        static const int states[] = {[WINDOW_DONE] = DONE, [WINDOW_HELD] = HELD, [WINDOW_WAITING] = WAITING};
        assert_int_equal(states[window_at(w, n)->state], m->state[n]);
        if (m->state[n] != DONE)
            assert_int_equal(window_at(w, n)->deliveries, m->deliveries[n]);
    }
}

static void reload(struct window *w, struct model *m)
{
    struct text packed = TEXT_INIT;
    window_pack(w, &packed);
    assert_true(text_ok(&packed));
    uint64_t position = w->position;
    window_deinit(w);
    assert_true(window_load(w, position, text_bytes(&packed)));
    text_deinit(&packed);
    uint64_t last = position - 1; /* what is not done behind the last that is was never delivered */
    for (uint64_t n = position; n < m->next; n++)
        if (m->state[n] == DONE)
            last = n;
    for (uint64_t n = position; n < m->next; n++) {
        m->deliveries[n] = 0;
        if (n > last)
            m->state[n] = FREE;
        else if (m->state[n] != DONE)
            m->state[n] = WAITING;
    }
    m->next = last + 1 > position ? last + 1 : position;
}

static void step(struct window *w, struct model *m, struct window_list *lists, struct random *r)
{
    uint64_t number = random_below(r, m->next) + (m->next > 1), waiting = model_waiting(m);
    size_t holder = (size_t)random_below(r, HOLDERS);
    switch (random_below(r, 8)) {
    case 0:
    case 1:
    case 2: /* deliver */
        number = waiting ? waiting : m->next;
        if (number > NUMBERS)
            return;
        if (number == m->next) {
            assert_true(window_reserve(w));
            m->next++;
            m->deliveries[number] = 0;
        }
        window_hold(w, number, &lists[holder], 0, 0);
        m->state[number] = HELD;
        m->holder[number] = holder;
        m->deliveries[number]++;
        break;
    case 3:
    case 4: /* done */
        if (number < m->next && (m->state[number] == HELD || m->state[number] == WAITING)) {
            window_done(w, number);
            m->state[number] = DONE;
        }
        break;
    case 5: /* again */
        if (number < m->next && m->state[number] == HELD) {
            bool uncounted = random_below(r, 2) == 0;
            window_wait(w, number, uncounted);
            m->state[number] = WAITING;
            m->deliveries[number] -= uncounted;
        }
        break;
    case 6: /* a holder goes */
        if (random_below(r, 4) == 0)
            while (lists[holder].first) {
                number = lists[holder].first;
                assert_int_equal(m->holder[number], holder);
                m->state[number] = WAITING;
                window_wait(w, number, false);
            }
        break;
    default:
        switch (random_below(r, 8)) {
        case 0:
            number = m->next + random_below(r, 5);
            if (number > NUMBERS)
                return;
            assert_true(window_skip(w, number));
            for (; m->next < number; m->next++)
                m->state[m->next] = DONE;
            break;
        case 1:
            number = model_position(m) + random_below(r, 6);
            if (number > NUMBERS)
                return;
            window_forget(w, number);
            for (uint64_t n = 1; n < number && n < m->next; n++)
                m->state[n] = DONE;
            if (model_position(m) == m->next)
                for (; m->next < number; m->next++)
                    m->state[m->next] = DONE;
            break;
        case 2:
            memset(lists, 0, HOLDERS * sizeof lists[0]);
            reload(w, m);
            break;
        default:
            break;
        }
    }
}

static void as_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct random r;
        struct window w;
        struct window_list lists[HOLDERS] = {{0}};
        struct model *m = calloc(1, sizeof *m);
        assert_non_null(m);
        m->next = 1;
        random_seed(&r, seed);
        window_init(&w, 1);
        for (int i = 0; i < 1000; i++) {
            step(&w, m, lists, &r);
            check(&w, m);
        }
        window_deinit(&w);
        free(m);
    }
}

static void bounded(void **state)
{
    (void)state;
    struct window w;
    struct window_list list = {0};
    window_init(&w, 7);
    for (uint64_t n = 7; n < 7 + WINDOW_MAX; n++) {
        assert_true(window_reserve(&w));
        window_hold(&w, n, &list, 0, 0);
        if (n > 7)
            window_done(&w, n);
    }
    assert_true(window_full(&w));
    assert_false(window_reserve(&w));
    assert_false(window_skip(&w, w.next + 1));
    window_done(&w, 7);
    assert_int_equal(w.position, 7 + WINDOW_MAX);
    assert_int_equal(w.capacity, 0);
    assert_true(window_reserve(&w));
    assert_true(window_skip(&w, w.next + 10 * (uint64_t)WINDOW_MAX)); /* an empty one jumps */
    assert_true(window_valid(&w));
    window_deinit(&w);
    uint8_t bits[WINDOW_MAX / 8 + 100];
    memset(bits, 0xff, sizeof bits);
    bits[0] = 0xfe;
    assert_true(window_load(&w, 3, BYTES(bits, sizeof bits)));
    assert_true(window_valid(&w));
    assert_int_equal(window_waiting(&w), 3);
    window_deinit(&w);
}

static void without_memory(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct window w;
        struct window_list list = {0};
        window_init(&w, 1);
        failing_arm(n);
        bool ok = true;
        for (uint64_t i = 1; ok && i <= 100; i++)
            if ((ok = window_reserve(&w)))
                window_hold(&w, i, &list, 0, 0);
        bool hit = failing_hit();
        failing_disarm();
        assert_int_equal(ok, !hit);
        assert_true(window_valid(&w));
        window_deinit(&w);
        if (!hit)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_model),
        cmocka_unit_test(bounded),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
