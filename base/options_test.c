#include "base/test.h"

#include "base/options_test_tree.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 32

/* Splits at spaces: no word of these tests holds one. */
static int parse_line(const char *line, const struct command **found, struct arguments *args, bool *help,
                      struct error *err)
{
    static char copy[256];
    static char program[] = "prog";
    static char *argv[WORDS_MAX + 1];
    int argc = 0;
    memset(&got, 0, sizeof got);
    assert_true(strlen(line) < sizeof copy);
    memcpy(copy, line, strlen(line) + 1);
    argv[argc++] = program;
    for (char *word = strtok(copy, " "); word && argc < WORDS_MAX; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    return command_parse(&tree_root, argc, argv, found, args, help, err);
}

static struct arguments good(const char *line, const char *command)
{
    const struct command *found;
    struct arguments args = {0};
    struct error e = ERROR_INIT;
    bool help;
    int code = parse_line(line, &found, &args, &help, &e);
    if (code)
        print_error("%s\n", e.message);
    assert_int_equal(code, 0);
    assert_false(help);
    assert_string_equal(found->name, command);
    return args;
}

static void bad(const char *line, const char *message)
{
    const struct command *found;
    struct arguments args = {0};
    struct error e = ERROR_INIT;
    bool help;
    assert_int_equal(parse_line(line, &found, &args, &help, &e), ERROR_INVALID);
    assert_string_equal(e.message, message);
    error_clear(&e);
}

static void test_defaults(void **state)
{
    (void)state;
    struct arguments args = good("run micro", "run");
    assert_int_equal(args.argc, 1);
    assert_string_equal(args.argv[0], "micro");
    assert_false(got.verbose);
    assert_true(got.colour);
    assert_int_equal(got.count, 3);
    assert_int_equal(got.seed, 1);
    assert_int_equal(got.limit, 1 << 20);
    assert_true(got.budget == INT64_C(60000000000));
    assert_null(got.dir);
    assert_string_equal(got.format, "text");
    assert_int_equal(got.tags.count, 1);
    assert_string_equal(got.tags.items[0], "all");
    command_cleanup();
    assert_int_equal(got.tags.count, 0);
}

static void test_every_form(void **state)
{
    (void)state;
    struct arguments args = good("-v run a --seed 0xfF -n5 --tag=x -ty -t z --no-colour --dir=-odd -- b --c -", "run");
    assert_int_equal(args.argc, 4); /* a, then the three behind -- */
    assert_string_equal(args.argv[1], "b");
    assert_string_equal(args.argv[2], "--c");
    assert_string_equal(args.argv[3], "-");
    assert_true(got.verbose);
    assert_false(got.colour);
    assert_int_equal(got.seed, 255);
    assert_int_equal(got.count, 5);
    assert_int_equal(got.tags.count, 3);
    assert_string_equal(got.tags.items[2], "z");
    assert_string_equal(got.dir, "-odd");
    (void)good("run --colour=off --verbose=1 --seed=18446744073709551615 --format json a", "run");
    assert_false(got.colour);
    assert_true(got.verbose);
    assert_true(got.seed == UINT64_MAX);
    assert_string_equal(got.format, "json");
    (void)good("run -vn7 a", "run"); /* a flag and a value in one word */
    assert_true(got.verbose);
    assert_int_equal(got.count, 7);
    (void)good("run a --seed 1 --seed 2", "run"); /* the last one counts */
    assert_int_equal(got.seed, 2);
    (void)good("chaos list", "list");
    command_cleanup();
}

static void test_environment(void **state)
{
    (void)state;
    assert_int_equal(setenv("OPTIONS_TEST_SEED", "9", 1), 0);
    assert_int_equal(setenv("OPTIONS_TEST_COLOUR", "no", 1), 0);
    assert_int_equal(setenv("OPTIONS_TEST_TAG", "e", 1), 0);
    (void)good("run a", "run");
    assert_int_equal(got.seed, 9);
    assert_false(got.colour);
    assert_int_equal(got.tags.count, 1);
    assert_string_equal(got.tags.items[0], "e");
    (void)good("run a --seed 4 --colour -t f", "run"); /* the command line wins */
    assert_int_equal(got.seed, 4);
    assert_true(got.colour);
    assert_int_equal(got.tags.count, 1);
    assert_string_equal(got.tags.items[0], "f");
    assert_int_equal(setenv("OPTIONS_TEST_SEED", "x", 1), 0);
    bad("run a", "environment variable OPTIONS_TEST_SEED: expected a seed (0 to 18446744073709551615, or 0x and up to "
                 "16 hexadecimal digits), got \"x\"");
    assert_int_equal(setenv("OPTIONS_TEST_SEED", "", 1), 0); /* empty is unset */
    (void)good("run a", "run");
    assert_int_equal(got.seed, 1);
    (void)unsetenv("OPTIONS_TEST_SEED");
    (void)unsetenv("OPTIONS_TEST_COLOUR");
    (void)unsetenv("OPTIONS_TEST_TAG");
    command_cleanup();
}

static void test_errors(void **state)
{
    (void)state;
    bad("", "a command is expected: run, chaos");
    bad("chaos", "a command is expected: list");
    bad("rnu", "unknown command \"rnu\"; did you mean \"run\"?");
    bad("zebra", "unknown command \"zebra\"; known are: run, chaos");
    bad("run a --sede 4", "unknown option --sede; did you mean --seed?");
    bad("run a --no-colur", "unknown option --no-colur; did you mean --no-colour?");
    bad("run a --bud 1", "unknown option --bud; did you mean --budget?");
    bad("run a --zebra", "unknown option --zebra");
    bad("run a --no-seed", "unknown option --no-seed");
    bad("run a -x", "unknown option -x");
    bad("run a -vx", "unknown option -x");
    bad("--seed 4 run a", "unknown option --seed"); /* not before its command */
    bad("run a --seed", "--seed needs a value: --seed SEED");
    bad("run a --seed --dir x", "--seed needs a value: --seed SEED (or --seed=VALUE when it begins with --)");
    bad("run a --seed -1", "--seed: expected a seed (0 to 18446744073709551615, or 0x and up to 16 hexadecimal "
                           "digits), got \"-1\"");
    bad("run a -n 11", "--count: \"11\": expected an integer from 1 to 10");
    bad("run a --budget 5x", "--budget: \"5x\": expected a unit (ns, us, ms, s, m, h or d) at character 2");
    bad("run a --limit x", "--limit: \"x\": expected a number at character 1");
    bad("run a --format xml", "--format: expected text or json, got \"xml\"");
    bad("run a --format jsno", "--format: expected text or json, got \"jsno\": did you mean \"json\"?");
    bad("run a --dir=", "--dir: expected DIR, got nothing");
    bad("run a --colour=maybe", "--colour: expected true or false, got \"maybe\"");
    bad("run a --no-colour=1", "--no-colour takes no value");
    bad("run", "expected SYSTEM [FLOW...]");
    bad("chaos list x", "unexpected \"x\"");
    command_cleanup();
}

static void helps(const char *line, const char *command)
{
    const struct command *found;
    struct arguments args = {0};
    struct error e = ERROR_INIT;
    bool help;
    assert_int_equal(parse_line(line, &found, &args, &help, &e), 0);
    assert_true(help);
    assert_string_equal(found->name, command);
}

static void test_help_is_found(void **state)
{
    (void)state;
    helps("--help", "prog");
    helps("-h", "prog");
    helps("help", "prog");
    helps("help run", "run");
    helps("run --help", "run");
    helps("run -vh", "run");
    helps("--help chaos list", "list");
    helps("chaos help list", "list");
    command_cleanup();
}

static void test_help_text(void **state)
{
    (void)state;
    struct text t = TEXT_INIT;
    command_help(&tree_root, &tree_root, &t);
    assert_string_equal(text_string(&t), "Usage: prog [OPTIONS] COMMAND ...\n"
                                         "\n"
                                         "A program for tests\n"
                                         "\n"
                                         "Commands:\n"
                                         "  run    Run everything\n"
                                         "  chaos  Faults\n"
                                         "\n"
                                         "Options:\n"
                                         "  -v, --verbose      say more\n"
                                         "      --[no-]colour  colours on a terminal [default: on] [env: "
                                         "OPTIONS_TEST_COLOUR]\n"
                                         "  -h, --help         show this and leave\n"
                                         "\n"
                                         "Exit codes:\n"
                                         "  0  fine\n"
                                         "  2  wrong usage\n"
                                         "\n"
                                         "More: prog COMMAND --help\n");
    text_clear(&t);
    command_help(&tree_root, &tree_children[0], &t);
    assert_string_equal(
        text_string(&t),
        "Usage: prog run [OPTIONS] SYSTEM [FLOW...]\n"
        "\n"
        "Run everything\n"
        "\n"
        "Starts the system and puts it through the mill.\n"
        "\n"
        "  harrow: laid out\n"
        "\n"
        "Options:\n"
        "  -s, --seed SEED        what every random choice of the run is drawn from, so that the run can be\n"
        "                         had again [default: 1] [env: OPTIONS_TEST_SEED]\n"
        "  -n, --count N          how many (1 to 10) [default: 3]\n"
        "      --budget DURATION  time to spend [default: 1m]\n"
        "      --limit SIZE       memory [default: 1MiB]\n"
        "  -d, --dir DIR          where\n"
        "      --format FORMAT    the report's form (one of text, json) [default: text]\n"
        "  -t, --tag TAG          only these (may be given several times) [default: all] [env:\n"
        "                         OPTIONS_TEST_TAG]\n"
        "  -h, --help             show this and leave\n"
        "\n"
        "Options of every prog command:\n"
        "  -v, --verbose          say more\n"
        "      --[no-]colour      colours on a terminal [default: on] [env: OPTIONS_TEST_COLOUR]\n"
        "\n"
        "Examples:\n"
        "  prog run micro --seed 7\n"
        "  prog run micro flows/a.yaml\n"
        "\n"
        "Exit codes:\n"
        "  0  fine\n"
        "  2  wrong usage\n");
    text_deinit(&t);
}

static void test_completion(void **state)
{
    (void)state;
    static const struct {
        const char *shell, *parts[6];
    } cases[] = {
        {"bash",
         {"\"prog chaos\") at=\"prog chaos\" ;;", "\"prog run:--format\") _prog_offer 'text json'; return ;;",
          "\"prog run:--dir\"|\"prog run:-d\") _prog_offer_files; return ;;",
          "\"prog chaos list\") _prog_offer '--verbose --no-verbose --colour --no-colour --help' ;;",
          "complete -o filenames -F _prog_complete prog\n"}},
        {"zsh", {"#compdef prog\n", "'run:Run everything' 'chaos:Faults'", "'--format:the report'\\''s form'"}},
        {"fish",
         {"case \"prog chaos list\"\n", "-f -a run -d 'Run everything'\n",
          "-l format -x -a 'text json' -d 'the report\\'s form'\n", "-l dir -s d -r -F -d 'where'\n"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text t = TEXT_INIT;
        command_completion(&tree_root, cases[i].shell, &t);
        for (size_t j = 0; j < 6 && cases[i].parts[j]; j++) {
            if (!strstr(text_string(&t), cases[i].parts[j]))
                print_error("%s: not found: %s\n%s", cases[i].shell, cases[i].parts[j], text_string(&t));
            assert_non_null(strstr(text_string(&t), cases[i].parts[j]));
        }
        text_deinit(&t);
    }
    struct text t = TEXT_INIT;
    command_completion(&tree_root, "tcsh", &t);
    assert_int_equal(t.len, 0);
    text_deinit(&t);
}

static void test_main_runs_with_context(void **state)
{
    (void)state;
    char *argv[] = {(char[]){"prog"}, (char[]){"run"}, (char[]){"a"}, (char[]){"b"}, NULL};
    int exit_code = 7;
    memset(&got, 0, sizeof got);
    assert_int_equal(command_main(&tree_root, 4, argv, &exit_code), 7);
    assert_int_equal(got.ran, 3);
    char *wrong[] = {(char[]){"prog"}, (char[]){"rum"}, NULL};
    assert_int_equal(command_main(&tree_root, 2, wrong, NULL), EXIT_USAGE);
}

/* ---- a command that runs by itself and has children ---- */

static bool deep_flag, own_flag;
static const struct option deep_options[] = {
    {.name = "json", .kind = OPTION_FLAG, .target = &deep_flag, .help = "of the child"}, {.name = NULL}};
static const struct option own_options[] = {
    {.name = "json", .kind = OPTION_FLAG, .target = &own_flag, .help = "of the parent"}, {.name = NULL}};
static const struct command deep_children[] = {
    {.name = "list", .summary = "a child", .options = deep_options, .run = tree_run}, {.name = NULL}};
static const struct command both_children[] = {{.name = "fuzz",
                                                .summary = "both",
                                                .positional = "MANIFEST",
                                                .positional_min = 1,
                                                .positional_max = 2,
                                                .options = own_options,
                                                .children = deep_children,
                                                .run = tree_run},
                                               {.name = NULL}};
static const struct command both_root = {.name = "prog", .summary = "both", .children = both_children};

static const struct command *parse_both(int count, const char *const *words, struct arguments *args, struct error *err)
{
    const struct command *found;
    char *argv[8] = {0};
    bool help;
    deep_flag = own_flag = false;
    for (int i = 0; i < count; i++)
        argv[i] = (char *)(uintptr_t)words[i];
    return command_parse(&both_root, count, argv, &found, args, &help, err) == 0 ? found : NULL;
}

static void test_first_word_names_a_child_or_is_an_argument(void **state)
{
    struct arguments args;
    struct error err = ERROR_INIT;
    struct text help = TEXT_INIT;
    (void)state;
    assert_ptr_equal(parse_both(4, (const char *const[]){"prog", "fuzz", "list", "--json"}, &args, NULL),
                     &deep_children[0]);
    assert_true(deep_flag && !own_flag);
    assert_ptr_equal(parse_both(4, (const char *const[]){"prog", "fuzz", "x", "--json"}, &args, NULL),
                     &both_children[0]);
    assert_true(own_flag && !deep_flag);
    assert_int_equal(args.argc, 1);
    assert_ptr_equal(parse_both(4, (const char *const[]){"prog", "fuzz", "x", "list"}, &args, NULL), &both_children[0]);
    assert_ptr_equal(parse_both(4, (const char *const[]){"prog", "fuzz", "--", "list"}, &args, NULL),
                     &both_children[0]);
    assert_string_equal(args.argv[0], "list");
    assert_null(parse_both(4, (const char *const[]){"prog", "fuzz", "--json", "list"}, &args, &err));
    assert_string_equal(err.message, "--json stands before \"list\" and is no option of it");
    error_clear(&err);
    command_help(&both_root, &deep_children[0], &help);
    assert_non_null(strstr(text_string(&help), "of the child"));
    assert_null(strstr(text_string(&help), "of the parent"));
    text_clear(&help);
    command_help(&both_root, &both_children[0], &help);
    assert_non_null(strstr(text_string(&help), "MANIFEST\n       prog fuzz COMMAND"));
    text_deinit(&help);
    command_cleanup();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_word_names_a_child_or_is_an_argument),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_form),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_help_is_found),
        cmocka_unit_test(test_help_text),
        cmocka_unit_test(test_completion),
        cmocka_unit_test(test_main_runs_with_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
