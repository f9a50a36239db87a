/* Nanoseconds of CPU time per mutation of a nested message of some 240 bytes, by lane, and of what a mutation is made
 * of.
 *
 *   mutate_bench [--mutations N] [--only KIND] */
#include "base/options.h"
#include "fuzz/message/generate.h"
#include "fuzz/message/mutate.h"
#include "fuzz/message/wire_tree.h"
#include "wire/testdata/set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 5

/* The same whatever generators make, so that figures of two versions can be compared. */
static const char message[] =
    "{\"name\":\"root of the "
    "tree\",\"left\":{\"name\":\"left\",\"left\":{\"name\":\"alpha\",\"place\":{\"name\":\"a.b\"}},"
    "\"children\":[{\"name\":\"key-1\"},{\"name\":\"\"},{\"left\":{\"right\":{\"name\":\"deep\"}}}]},\"right\":{"
    "\"everything\":"
    "{\"scalars\":{\"fInt32\":-1,\"fInt64\":\"9223372036854775807\",\"fUint32\":4294967295,\"fDouble\":0.5,\"fFloat\":"
    "2,"
    "\"fBool\":true,\"fString\":\"a text of more than one word, and a little more of "
    "it\",\"fBytes\":\"AAECAwQFBgcICQ==\"},"
    "\"lists\":{\"fInt32\":[1,2,3,300,70000],\"fString\":[\"one\",\"two\",\"three\"]}}}}";
static const char partner[] = "{\"name\":\"another\",\"right\":{\"name\":\"other\",\"place\":{\"name\":\"somewhere "
                              "else\"}},\"children\":[{\"name\":\"x\"},"
                              "{\"everything\":{\"scalars\":{\"fInt32\":7,\"fString\":\"text\"}}}]}";

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int64_t mutations;
static const struct pb_type *type;
static struct text input, other, out, scratch;

static void lane(enum fuzz_lane l, const struct wire_tree *tree)
{
    struct random r;
    struct mutation m = {.type = type,
                         .tree = tree,
                         .input = text_bytes(&input),
                         .other = text_bytes(&other),
                         .other_type = type,
                         .max = 4096,
                         .scratch = &scratch};
    random_seed(&r, 1);
    for (int64_t i = 0; i < mutations / ROUNDS; i++) {
        struct mutated did;
        text_clear(&out);
        if (fuzz_mutate_message(&r, &m, l, &out, &did) != 0)
            abort();
    }
}

static void valid(void)
{
    lane(LANE_VALID, NULL);
}

/* As a campaign does it that makes many mutants of one message. */
static void valid_again(void)
{
    struct wire_node nodes[WIRE_TREE_NODES];
    struct wire_tree t;
    wire_tree_read(&t, nodes, WIRE_TREE_NODES, type, text_bytes(&input), 0);
    lane(LANE_VALID, &t);
}

static void near_valid(void)
{
    lane(LANE_NEAR_VALID, NULL);
}

static void garbage(void)
{
    lane(LANE_GARBAGE, NULL);
}

static void tree_only(void)
{
    struct wire_node nodes[WIRE_TREE_NODES];
    struct wire_tree t;
    for (int64_t i = 0; i < mutations / ROUNDS; i++) {
        wire_tree_read(&t, nodes, WIRE_TREE_NODES, type, text_bytes(&input), 0);
        if (!t.clean)
            abort();
    }
}

static void measure(const char *name, void (*run)(void))
{
    double times[ROUNDS];
    run();
    for (int i = 0; i < ROUNDS; i++) {
        double start = cpu_ns();
        run();
        times[i] = (cpu_ns() - start) / (double)(mutations / ROUNDS);
    }
    qsort(times, ROUNDS, sizeof times[0], by_value);
    printf("%-16s %8.0f ns\n", name, times[ROUNDS / 2]);
}

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {
    {"tree", tree_only},        {"valid", valid},     {"valid-kept", valid_again},
    {"near-valid", near_valid}, {"garbage", garbage},
};

static const char *only;

static int run(const struct arguments *args)
{
    struct pb_pool *pool = NULL;
    struct wire_node nodes[WIRE_TREE_NODES];
    struct wire_tree t = {0};
    (void)args;
    if (pb_pool_new(test_set(), "set", &pool, NULL) != 0)
        return 1;
    type = pb_find_type(pool, "test.all.Tree");
    if (pb_json_to_wire(type, bytes_of(message), 0, &input, NULL) != 0 ||
        pb_json_to_wire(type, bytes_of(partner), 0, &other, NULL) != 0)
        return 1;
    wire_tree_read(&t, nodes, WIRE_TREE_NODES, type, text_bytes(&input), 0);
    printf("%zu bytes, %u fields, %u levels; the other has %zu bytes\n", input.len, t.count - 1,
           wire_tree_height(&t, 0), other.len);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (only == NULL || strcmp(only, parts[i].name) == 0)
            measure(parts[i].name, parts[i].run);
    text_deinit(&input);
    text_deinit(&other);
    text_deinit(&out);
    text_deinit(&scratch);
    pb_pool_free(pool);
    return 0;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"tree", "valid", "valid-kept", "near-valid", "garbage", NULL};
    static const struct option options[] = {
        {.name = "mutations",
         .kind = OPTION_INTEGER,
         .target = &mutations,
         .argument = "N",
         .help = "of each kind",
         .fallback = "2000000",
         .min = ROUNDS,
         .max = INT64_MAX},
        {.name = "only", .kind = OPTION_CHOICE, .target = &only, .help = "one kind", .choices = names},
        {.name = NULL},
    };
    static const struct command root = {
        .name = "mutate_bench",
        .summary = "nanoseconds of processor time that a mutation takes",
        .options = options,
        .run = run,
    };
    return command_main(&root, argc, argv, NULL);
}
