/* Flow files with mistakes in them: real ones, changed at random. Each is taken or answered by an error with its place;
 * none crashes or hangs. e2e_mutated_test [COUNT [SEED]] goes on until COUNT were refused. */
#include "base/test.h"

#include "base/array.h"
#include "base/random.h"
#include "e2e/internal.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER   "e2e/flows"
#define FILE_MAX ((size_t)1 << 20)

static uint64_t wanted = 200, seed = 1;
static struct world *w;

struct sources {
    ARRAY(char *) paths;
    ARRAY(struct text) texts;
};

static int add(void *arg, const char *path)
{
    struct sources *s = arg;
    struct text content = TEXT_INIT;
    if (strstr(path, ".yaml") == NULL)
        return 0;
    assert_int_equal(world_read_file(w, path, FILE_MAX, &content, NULL), 0);
    assert_true(array_push(&s->paths, strdup(path)) && array_push(&s->texts, content));
    return 0;
}

/* A place in the text, of the beginning of a line, and its end. */
static void line_at(const struct text *t, size_t at, size_t *begin, size_t *end)
{
    *begin = *end = at;
    while (*begin > 0 && t->data[*begin - 1] != '\n')
        (*begin)--;
    while (*end < t->len && t->data[*end] != '\n')
        (*end)++;
    *end += *end < t->len;
}

static void put(struct text *out, const struct text *t, size_t begin, size_t end, const char *instead, size_t len)
{
    text_add(out, t->data, begin);
    text_add(out, instead, len);
    text_add(out, t->data + end, t->len - end);
}

/* What fingers, editors and merges do to files. */
static void mutate(struct random *r, const struct text *t, struct text *out)
{
    static const char *const bits[] = {
        ":",   "{",      "}",      "[",        "]",    "- ",   "\"", "'",    "${",         "$",       "#",    "\t",
        "\n",  "  ",     "*x",     "&x ",      "!!s ", "|",    "%",  "\x01", "\xff",       ",",       "null", "-1",
        "1e9", "true: ", "\"\": ", "$regex: ", "${}",  "$any", "? ", "<<: ", "within: 1x", "\xc3\xa9"};
    size_t at = random_below(r, t->len), begin, end, other_begin, other_end;
    const char *bit = bits[random_below(r, sizeof bits / sizeof bits[0])];
    line_at(t, at, &begin, &end);
    line_at(t, random_below(r, t->len), &other_begin, &other_end);
    switch (random_below(r, 10)) {
    case 0: /* a few bytes are gone */
        put(out, t, at, at + 1 + random_below(r, t->len - at < 8 ? t->len - at : 8), "", 0);
        break;
    case 1:
        put(out, t, at, at, bit, strlen(bit));
        break;
    case 2:
        put(out, t, at, at + 1, bit, strlen(bit));
        break;
    case 3: /* a line twice, or gone */
        put(out, t, end, end, t->data + begin, end - begin);
        break;
    case 4:
        put(out, t, begin, end, "", 0);
        break;
    case 5: /* another line in its place */
        put(out, t, begin, end, t->data + other_begin, other_end - other_begin);
        break;
    case 6: /* shifted */
        put(out, t, begin, begin, "   ", 1 + random_below(r, 3));
        break;
    case 7:
        put(out, t, begin, begin + (t->data[begin] == ' '), "", 0);
        break;
    case 8: /* one letter is another */
        put(out, t, at, at + 1, &(char){(char)('a' + (char)random_below(r, 26))}, 1);
        break;
    default: /* cut off */
        text_add(out, t->data, at);
        break;
    }
}

static void every_mistake_has_its_place(void **state)
{
    struct sources s = {.paths = {0}, .texts = {0}};
    struct random r;
    uint64_t refused = 0, tried = 0;
    (void)state;
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    assert_int_equal(world_walk(w, FOLDER, add, &s, NULL), 0);
    assert_true(s.paths.count > 3);
    random_seed(&r, seed);
    for (; refused < wanted; tried++) {
        assert_true(tried < 20 * wanted + 1000);
        size_t i = random_below(&r, s.paths.count);
        struct text changed = TEXT_INIT;
        struct flow_list flows = {0};
        struct error err = ERROR_INIT;
        mutate(&r, &s.texts.items[i], &changed);
        for (uint64_t more = random_below(&r, 3); more > 0 && changed.len > 0; more--) {
            struct text again = TEXT_INIT;
            mutate(&r, &changed, &again);
            text_deinit(&changed);
            changed = again;
        }
        int code = flow_parse_in(w, text_bytes(&changed), s.paths.items[i], &flows, &err);
        if (code != 0) {
            refused++;
            if (err.line < 1 || err.column < 1 || err.file == NULL || err.message == NULL || err.message[0] == '\0')
                fail_msg("seed %llu, mutation %llu of %s: %s:%d:%d: %s\n%s", (unsigned long long)seed,
                         (unsigned long long)tried, s.paths.items[i], err.file != NULL ? err.file : "?", err.line,
                         err.column, err.message != NULL ? err.message : "nothing said", text_string(&changed));
        }
        error_clear(&err);
        flow_list_free(&flows);
        text_deinit(&changed);
    }
    printf("%llu of %llu changed files were refused, each with its place\n", (unsigned long long)refused,
           (unsigned long long)tried);
    for (size_t i = 0; i < s.paths.count; i++) {
        free(s.paths.items[i]);
        text_deinit(&s.texts.items[i]);
    }
    array_deinit(&s.paths);
    array_deinit(&s.texts);
    world_real_free(w);
}

int main(int argc, char **argv)
{
    wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : wanted;
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : seed;
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_mistake_has_its_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
