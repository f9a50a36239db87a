/* The journal as a file, and what heal makes of good, torn, foreign and hostile ones. Real processes where a step needs
 * one: this program's children. */
#include "base/test.h"

#include "base/units.h"
#include "chaos/journal/journal.h"
#include "chaos/journal/line.h"
#include "world/real.h"
#include "world/sim.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEAD_ID   4194303 /* more than the kernel gives out by default, and not running */
#define DEAD_FILE "harrow-4194303-77-1.journal"

struct fixture {
    struct world *world;
    char runtime[64], folder[96];
    struct heal_summary summary;
    struct text told; /* what heal said: "state what;" */
};

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    snprintf(x->runtime, sizeof x->runtime, "/tmp/harrow-journal-XXXXXX");
    assert_non_null(mkdtemp(x->runtime));
    snprintf(x->folder, sizeof x->folder, "%s/harrow", x->runtime);
    setenv("XDG_RUNTIME_DIR", x->runtime, 1);
    assert_int_equal(world_real_new(1, &x->world, NULL), 0);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    world_remove_tree(x->world, x->runtime);
    world_real_free(x->world);
    text_deinit(&x->told);
    free(x);
    return 0;
}

static void on_heal(void *arg, const struct heal_event *e)
{
    static const char *const words[] = {"undone", "failed", "alive", "refused", "listed", "left"};
    struct fixture *x = arg;
    text_printf(&x->told, "%s ", words[e->state]);
    if (e->step != NULL)
        undo_write(e->step, &x->told);
    text_printf(&x->told, "%s;", e->reason != NULL ? e->reason : "");
}

static void heal(struct fixture *x, bool list)
{
    text_clear(&x->told);
    assert_int_equal(undo_journal_heal(x->world, list, on_heal, x, &x->summary, NULL), 0);
}

/* A journal of somebody who is dead, with its lines' checksums made here. `boot` NULL: this one. */
static void write_journal(struct fixture *x, const char *file, const char *boot, const char *const *lines,
                          const char *tail)
{
    char own[MACHINE_BOOT_ID_MAX], path[256];
    struct text out = TEXT_INIT;
    assert_int_equal(machine_boot_id(x->world, own, NULL), 0);
    text_printf(&out, "harrow-journal 1 %d 77 %s", DEAD_ID, boot != NULL ? boot : own);
    line_end(&out, 0);
    for (; lines != NULL && *lines != NULL; lines++) {
        size_t from = out.len;
        text_puts(&out, *lines);
        line_end(&out, from);
    }
    text_puts(&out, tail);
    assert_int_equal(machine_private_folder(x->world, x->folder, NULL), 0);
    snprintf(path, sizeof path, "%s/%s", x->folder, file);
    assert_int_equal(world_write_file(x->world, path, text_bytes(&out), true, NULL), 0);
    text_deinit(&out);
}

static bool there(struct fixture *x, const char *path)
{
    struct world_stat s;
    assert_int_equal(world_stat(x->world, path, &s), 0);
    return s.exists || s.link;
}

static bool journal_there(struct fixture *x, const char *file)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", x->folder, file);
    return there(x, path);
}

/* Every kind comes back from its line as it was. */
static void test_lines(void **state)
{
    (void)state;
    struct undo steps[] = {
        {.kind = UNDO_CONTINUE, .process = {42, 99}},
        {.kind = UNDO_KILL, .process = {42, UINT64_MAX}},
        {.kind = UNDO_LIMIT, .process = {42, 9}, .limit = MACHINE_FILE_SIZE, .bounds = {7, MACHINE_NO_LIMIT}},
        {.kind = UNDO_CLOCK, .process = {42, 9}},
        {.kind = UNDO_SCHEDULE, .process = {42, 9}, .schedule = {.idle = true, .nice = -3}},
        {.kind = UNDO_REMOVE, .path = "/tmp/a b%\n/harrow-x\xff"},
        {.kind = UNDO_UNMOUNT, .path = "/tmp/some where", .other = "harrow-1"},
        {.kind = UNDO_CGROUP, .path = "/sys/fs/cgroup/harrow-1", .other = "/sys/fs/cgroup"},
        {.kind = UNDO_NFT_TABLE, .path = "harrow-table"},
        {.kind = UNDO_NAMESPACE, .path = "harrow-0123", .other = "{\"manifest\":\"/a b.yaml\"}"},
    };
    assert_int_equal(sizeof steps / sizeof steps[0], UNDO_KIND_COUNT);
    steps[4].schedule.cpus.words[0] = 5;
    steps[4].schedule.cpus.words[15] = 1;
    for (size_t i = 0; i < UNDO_KIND_COUNT; i++) {
        struct text one = TEXT_INIT, two = TEXT_INIT, words = TEXT_INIT;
        struct undo back;
        undo_write(&steps[i], &one);
        assert_null(strchr(text_string(&one), '\n'));
        char *copy = strdup(text_string(&one));
        assert_int_equal(undo_read(copy, &back, NULL), 0);
        undo_write(&back, &two);
        assert_string_equal(text_string(&one), text_string(&two));
        undo_describe(&back, &words);
        assert_true(words.len > 5);
        free(copy);
        text_deinit(&one);
        text_deinit(&two);
        text_deinit(&words);
    }
}

static void test_bad_lines(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "explode 1 2",
        "continue 42",
        "continue -42 7",
        "continue 1 7", /* not even of process 1 */
        "continue 42 7 8",
        "continue 42 x",
        "limit 42 7 shoes 1 2",
        "limit 42 7 open-files 1",
        "schedule 42 7 0 0",
        "schedule 42 7 0 0 xyz",
        "remove /tmp/other",
        "remove /etc/passwd",
        "remove harrow-relative",
        "remove /tmp/../home/harrow-x",
        "remove /tmp/%0",
        "remove /tmp/%00harrow-x",
        "remove",
        "unmount /home home",
        "cgroup /sys/fs/cgroup/user.slice /sys/fs/cgroup",
        "nft-table filter",
        "nft-table harrow-;rm",
        "namespace harrow-1",
        "namespace micro x",
        "namespace harrow-a/b x",
        "netns harrow-x",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct undo out;
        struct error err = ERROR_INIT;
        char *copy = strdup(bad[i]);
        if (undo_read(copy, &out, &err) == 0)
            fail_msg("\"%s\" is taken", bad[i]);
        assert_non_null(err.message);
        error_clear(&err);
        free(copy);
    }
}

static pid_t sleeper(struct world *w, struct world_foreign *out)
{
    pid_t id = fork();
    if (id == 0)
        for (;;)
            pause();
    assert_int_equal(world_foreign_by_id(w, id, out, NULL), 0);
    return id;
}

static void end(pid_t id)
{
    kill(id, SIGKILL);
    waitpid(id, NULL, 0);
}

static char wait_state(struct fixture *x, const struct world_foreign *p, bool stopped)
{
    for (int i = 0; i < 60000 && (world_foreign_state(x->world, p) == 'T') != stopped; i++)
        usleep(1000);
    return world_foreign_state(x->world, p);
}

/* One's own: on disk before it returns, struck when undone, gone when closed. */
static void test_own(void **state)
{
    struct fixture *x = *state;
    struct undo_journal *j = NULL;
    struct undo step = {.kind = UNDO_CONTINUE};
    uint64_t first, second;
    pid_t id = sleeper(x->world, &step.process);
    kill(id, SIGSTOP);
    assert_int_equal(wait_state(x, &step.process, true), 'T');
    assert_int_equal(undo_journal_note(&j, x->world, &step, &first, NULL), 0);
    assert_int_equal(undo_journal_note(&j, x->world, &step, &second, NULL), 0);
    assert_true(first != second && undo_journal_open_steps(j) == 2);
    heal(x, false); /* we live: it is not touched */
    assert_int_equal(x->summary.alive, 1);
    assert_int_equal(world_foreign_state(x->world, &step.process), 'T');
    assert_int_equal(undo_journal_undo(j, first, NULL), 0);
    assert_int_not_equal(wait_state(x, &step.process, false), 'T');
    assert_int_equal(undo_journal_undo(j, first, NULL), 0); /* struck: nothing to do */
    assert_int_equal(undo_journal_open_steps(j), 1);
    kill(id, SIGSTOP);
    assert_int_equal(wait_state(x, &step.process, true), 'T');
    undo_journal_close(j);
    assert_int_not_equal(wait_state(x, &step.process, false), 'T');
    heal(x, false);
    assert_int_equal(x->summary.journals, 0);
    step.kind = UNDO_REMOVE;
    step.path = "/etc/passwd";
    j = NULL;
    assert_int_equal(undo_journal_note(&j, x->world, &step, &first, NULL), ERROR_INVALID);
    assert_null(j);
    end(id);
}

static void test_heal(void **state)
{
    struct fixture *x = *state;
    char go_on[96], wrong[96], kill_it[96], remove[256], folder[128], file[192];
    struct world_foreign a, b;
    pid_t one = sleeper(x->world, &a), two = sleeper(x->world, &b);
    snprintf(folder, sizeof folder, "%s/harrow-left over", x->runtime);
    snprintf(file, sizeof file, "%s/below", folder);
    assert_int_equal(world_make_directory(x->world, file), 0);
    snprintf(go_on, sizeof go_on, "do 1 continue %d %llu", one, (unsigned long long)a.started);
    snprintf(wrong, sizeof wrong, "do 2 kill %d %llu", one, (unsigned long long)a.started + 1);
    snprintf(kill_it, sizeof kill_it, "do 3 kill %d %llu", two, (unsigned long long)b.started);
    snprintf(remove, sizeof remove, "do 5 remove %s/harrow-left%%20over", x->runtime);
    kill(one, SIGSTOP);
    assert_int_equal(wait_state(x, &a, true), 'T');
    const char *const lines[] = {go_on, wrong, kill_it, "do 4 nft-table harrow-none", "done 4", remove, NULL};
    write_journal(x, DEAD_FILE, NULL, lines, "do 6 remove /tmp/harrow-torn #12");
    heal(x, true);
    assert_non_null(strstr(text_string(&x->told), "listed remove"));
    assert_null(strstr(text_string(&x->told), "nft-table")); /* struck */
    assert_true(there(x, folder));
    heal(x, false);
    assert_int_equal(x->summary.undone, 4);
    assert_int_equal(x->summary.failed + x->summary.refused, 0);
    /* The number was another's then: this one lives. */
    assert_int_not_equal(wait_state(x, &a, false), 0);
    assert_int_equal(world_foreign_state(x->world, &b), 0);
    assert_false(there(x, folder));
    assert_false(journal_there(x, DEAD_FILE));
    heal(x, false);
    assert_int_equal(x->summary.journals, 0);
    /* Of another boot: only what is on disk can be left. */
    kill(one, SIGSTOP);
    assert_int_equal(wait_state(x, &a, true), 'T');
    assert_int_equal(world_make_directory(x->world, folder), 0);
    write_journal(x, DEAD_FILE, "another-boot", (const char *const[]){go_on, remove, NULL}, "");
    heal(x, false);
    assert_int_equal(world_foreign_state(x->world, &a), 'T');
    assert_false(there(x, folder));
    end(one);
    end(two);
}

static void test_hostile(void **state)
{
    struct fixture *x = *state;
    char path[256], target[256];
    /* Garbage, wrong checksums in the middle, another version, a name that lies, no name at all, a link, two names,
     * writable by all: refused and kept, and nothing in them is done. */
    write_journal(x, DEAD_FILE, NULL, (const char *const[]){"do 1 remove /etc", NULL}, "");
    heal(x, false);
    assert_int_equal(x->summary.refused, 1);
    write_journal(x, DEAD_FILE, NULL, (const char *const[]){"hello", NULL}, "");
    heal(x, false);
    assert_int_equal(x->summary.refused, 1);
    write_journal(x, DEAD_FILE, NULL, NULL, "do 1 nft-table harrow-x #0000000000000000\n");
    heal(x, false);
    assert_int_equal(x->summary.refused, 1);
    write_journal(x, "harrow-4194302-77-1.journal", NULL, NULL, "");
    write_journal(x, "harrow-x.journal", NULL, NULL, "");
    heal(x, false);
    assert_int_equal(x->summary.refused, 3);
    assert_true(journal_there(x, DEAD_FILE));
    snprintf(path, sizeof path, "%s/%s", x->folder, DEAD_FILE);
    assert_int_equal(world_write_file(x->world, path, BYTES("\0\n\xff\n", 4), true, NULL), 0);
    heal(x, false);
    assert_int_equal(x->summary.refused, 3);
    write_journal(x, DEAD_FILE, NULL, NULL, "");
    assert_int_equal(chmod(path, 0666), 0);
    heal(x, false);
    assert_int_equal(x->summary.refused, 3);
    assert_int_equal(chmod(path, 0600), 0);
    snprintf(target, sizeof target, "%s/elsewhere", x->runtime);
    assert_int_equal(link(path, target), 0);
    heal(x, false);
    assert_int_equal(x->summary.refused, 3);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(target, path), 0);
    heal(x, false);
    assert_int_equal(x->summary.refused, 3);
    assert_true(there(x, target));
    /* Not begun: torn before the first line was whole. Nothing had been done. */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(world_write_file(x->world, path, bytes_of("harrow-jour"), true, NULL), 0);
    heal(x, false);
    assert_int_equal(x->summary.refused, 2);
    assert_false(journal_there(x, DEAD_FILE));
}

static void test_hostile_folder(void **state)
{
    struct fixture *x = *state;
    struct undo_journal *j = NULL;
    struct undo step = {.kind = UNDO_REMOVE, .path = "/tmp/harrow-x"};
    struct heal_summary s;
    uint64_t number;
    char elsewhere[128];
    heal(x, false); /* not there: nothing to do */
    assert_int_equal(x->summary.journals, 0);
    assert_false(there(x, x->folder));
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", x->runtime);
    assert_int_equal(mkdir(elsewhere, 0700), 0);
    assert_int_equal(symlink(elsewhere, x->folder), 0);
    assert_int_not_equal(undo_journal_heal(x->world, false, NULL, NULL, &s, NULL), 0);
    assert_int_not_equal(undo_journal_note(&j, x->world, &step, &number, NULL), 0);
    assert_int_equal(unlink(x->folder), 0);
    assert_int_equal(mkdir(x->folder, 0700), 0);
    assert_int_equal(chmod(x->folder, 0777), 0);
    assert_int_equal(undo_journal_heal(x->world, false, NULL, NULL, &s, NULL), ERROR_DENIED);
    assert_int_equal(undo_journal_note(&j, x->world, &step, &number, NULL), ERROR_DENIED);
    if (machine_is_root()) {
        assert_int_equal(chmod(x->folder, 0700), 0);
        assert_int_equal(chown(x->folder, 65534, 65534), 0);
        assert_int_equal(undo_journal_heal(x->world, false, NULL, NULL, &s, NULL), ERROR_DENIED);
        assert_int_equal(chown(x->folder, 0, 0), 0);
    }
    assert_null(j);
}

/* Two at once: both come to their end, and the work is done. */
static void test_two_heals(void **state)
{
    struct fixture *x = *state;
    for (int round = 0; round < 10; round++) {
        char path[128], line[192];
        snprintf(path, sizeof path, "%s/harrow-left", x->runtime);
        snprintf(line, sizeof line, "do 1 remove %s", path);
        assert_int_equal(world_make_directory(x->world, path), 0);
        write_journal(x, DEAD_FILE, NULL, (const char *const[]){line, NULL}, "");
        pid_t id = fork();
        struct heal_summary s;
        int code = undo_journal_heal(x->world, false, NULL, NULL, &s, NULL);
        if (id == 0)
            _exit(code == 0 && s.failed + s.refused == 0 ? 0 : 1);
        int status;
        assert_int_equal(waitpid(id, &status, 0), id);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert_int_equal(code, 0);
        assert_int_equal(s.failed + s.refused, 0);
        assert_false(there(x, path));
        assert_false(journal_there(x, DEAD_FILE));
    }
}

struct removing {
    struct text asked;
    const char *up_to_it; /* whose system it is */
};

static bool remove_namespace(void *arg, const struct undo *step)
{
    struct removing *r = arg;
    text_printf(&r->asked, "%s;", step->path);
    return strcmp(step->other, r->up_to_it) == 0;
}

static void heal_namespaces(struct fixture *x, const char *up_to_it, const char *asked)
{
    struct removing r = {.up_to_it = up_to_it};
    assert_int_equal(undo_journal_heal_namespaces(x->world, remove_namespace, &r, NULL), 0);
    assert_string_equal(text_string(&r.asked), asked);
    text_deinit(&r.asked);
}

/* Nobody but a run on its system takes a namespace away, of a run that has died, also before a reboot. */
static void test_namespaces(void **state)
{
    static const char *const two[] = {"do 1 namespace harrow-1 shop", "do 2 namespace harrow-2 shop",
                                      "do 3 namespace harrow-3 shop", "done 2", NULL};
    struct fixture *x = *state;
    struct undo_journal *j = NULL;
    uint64_t number = 0;
    for (int boot = 0; boot < 2; boot++) {
        write_journal(x, DEAD_FILE, boot == 0 ? NULL : "another", two, "");
        heal(x, true);
        assert_string_equal(text_string(&x->told), "listed namespace harrow-3 shop;listed namespace harrow-1 shop;");
        heal(x, false);
        assert_string_equal(text_string(&x->told), "left namespace harrow-3 shop;left namespace harrow-1 shop;");
        assert_int_equal(x->summary.left, 2);
        heal_namespaces(x, "bank", "harrow-3;harrow-1;");
        assert_true(journal_there(x, DEAD_FILE));
        heal_namespaces(x, "shop", "harrow-3;harrow-1;");
        assert_false(journal_there(x, DEAD_FILE));
    }
    heal_namespaces(x, "shop", "");
    /* What else is in a journal waits for a heal. */
    write_journal(x, DEAD_FILE, NULL, (const char *const[]){"do 1 remove /tmp/harrow-not-there", NULL}, "");
    heal_namespaces(x, "shop", "");
    assert_true(journal_there(x, DEAD_FILE));
    heal(x, false);
    assert_false(journal_there(x, DEAD_FILE));
    /* One of a run that lives is its own business, and stays noted until it is struck. */
    const struct undo step = {.kind = UNDO_NAMESPACE, .path = "harrow-4", .other = "shop"};
    assert_int_equal(undo_journal_note(&j, x->world, &step, &number, NULL), 0);
    heal_namespaces(x, "shop", "");
    assert_int_equal(undo_journal_undo(j, number, NULL), ERROR_UNSUPPORTED);
    assert_int_equal(undo_journal_open_steps(j), 1);
    undo_journal_strike(j, 0);
    undo_journal_strike(j, number + 1);
    assert_int_equal(undo_journal_open_steps(j), 1);
    undo_journal_strike(j, number);
    assert_int_equal(undo_journal_open_steps(j), 0);
    undo_journal_close(j);
    heal(x, false);
    assert_int_equal(x->summary.journals, 0);
}

/* With root: what the kernel holds under our names. */
static void test_root(void **state)
{
    struct fixture *x = *state;
    char path[128], line[256];
    if (!machine_is_root()) {
        print_message("             skipped: mounts and tables need root\n");
        return;
    }
    snprintf(path, sizeof path, "%s/mounted", x->runtime);
    assert_int_equal(world_make_directory(x->world, path), 0);
    assert_int_equal(machine_mount_memory(x->world, path, "harrow-test", 4096, NULL), 0);
    snprintf(line, sizeof line, "do 1 unmount %s harrow-test", path);
    bool table = system("nft add table inet harrow-journal-test 2>/dev/null") == 0;
    write_journal(x, DEAD_FILE, NULL,
                  (const char *const[]){line, table ? "do 2 nft-table harrow-journal-test" : NULL,
                                        "do 3 nft-table harrow-that-is-not-there", NULL},
                  "");
    heal(x, false);
    assert_int_equal(x->summary.failed + x->summary.refused, 0);
    assert_int_equal(rmdir(path), 0); /* it would be busy */
    assert_int_equal(machine_unmount(x->world, path, "harrow-test", NULL), 0);
    assert_true(!table || system("nft list table inet harrow-journal-test >/dev/null 2>&1") != 0);
}

static void test_simulation(void **state)
{
    (void)state;
    struct sim *s = sim_new(&(struct sim_options){.seed = 1});
    struct undo_journal *j = NULL;
    struct undo step = {.kind = UNDO_REMOVE, .path = "/tmp/harrow-x"};
    uint64_t number = 7;
    assert_int_equal(undo_journal_note(&j, sim_node(s, "n"), &step, &number, NULL), 0);
    assert_true(j == NULL && number == 0);
    assert_int_equal(undo_journal_undo(j, number, NULL), 0);
    undo_journal_close(j);
    sim_free(s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_bad_lines),
        TEST(test_own),
        TEST(test_heal),
        TEST(test_hostile),
        TEST(test_hostile_folder),
        TEST(test_two_heals),
        TEST(test_namespaces),
        TEST(test_root),
        cmocka_unit_test(test_simulation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
