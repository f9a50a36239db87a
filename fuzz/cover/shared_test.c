/* The coverage of another program, read while it runs: across fork and exec, through crashes and restarts. */
#include "base/test.h"

#include "base/failing.h"
#include "fuzz/cover/shared.h"
#include "world/real.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
    pid_t pid;
    FILE *in, *out;
    size_t edges;
};

static struct world *world;
static char folder[] = "/tmp/harrow-cover-XXXXXX";

/* Not world_process_spawn(): the test talks to it through a pipe. */
static void start(struct child *p, bool share)
{
    int in[2], out[2];
    char line[64];
    size_t modules;
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    p->pid = fork();
    if (p->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        if (share)
            setenv(COVER_VARIABLE, folder, 1);
        int nothing = open("/dev/null", O_WRONLY);
        dup2(nothing, 2);
        execl(COVER_CHILD, COVER_CHILD, (char *)NULL);
        _exit(9);
    }
    close(in[0]);
    close(out[1]);
    p->in = fdopen(in[1], "w");
    p->out = fdopen(out[0], "r");
    assert_non_null(fgets(line, sizeof line, p->out));
    assert_int_equal(sscanf(line, "%zu %zu", &modules, &p->edges), 2);
    assert_int_equal(modules, 1);
    assert_true(p->edges > 5);
}

static int ask(struct child *p, const char *line)
{
    char answer[64];
    fprintf(p->in, "%s\n", line);
    fflush(p->in);
    return fgets(answer, sizeof answer, p->out) ? atoi(answer) : -1;
}

static void finish(struct child *p)
{
    fclose(p->in);
    fclose(p->out);
    waitpid(p->pid, NULL, 0);
}

static void count_names(void *arg, const char *name)
{
    (void)name;
    ++*(size_t *)arg;
}

static size_t files(void)
{
    size_t count = 0;
    assert_int_equal(world_list(world, folder, count_names, &count), 0);
    return count;
}

static size_t run(struct cover *c, struct child *p, const char *line)
{
    cover_reset(c);
    assert_true(ask(p, line) >= 0);
    return cover_collect(c, true);
}

static void test_shared(void **state)
{
    (void)state;
    struct child a, b;
    struct cover *c = cover_new();
    struct cover_shared *s;
    assert_int_equal(cover_shared_open(world, folder, c, &s, NULL), 0);
    assert_int_equal(cover_shared_refresh(s, NULL), 0);
    start(&a, true);
    assert_int_equal(cover_shared_refresh(s, NULL), 1);
    assert_int_equal(cover_shared_processes(s), 1);
    assert_int_equal(cover_edges_all(c), a.edges);
    assert_true(run(c, &a, "nothing") > 0);
    assert_int_equal(run(c, &a, "nothing"), 0);
    assert_true(run(c, &a, "ab") > 0);
    assert_true(run(c, &a, "c") > 0);
    assert_true(run(c, &a, "xx") > 0);
    assert_true(run(c, &a, "xxxxxxxxxxxx") > 0); /* the same edges more often */
    assert_int_equal(run(c, &a, "xxxxxxxxxxxxx"), 0);
    size_t seen = cover_edges_seen(c);

    /* A second one beside it has edges of its own. */
    start(&b, true);
    assert_int_equal(cover_shared_refresh(s, NULL), 2);
    assert_int_equal(cover_edges_all(c), a.edges + b.edges);
    assert_int_equal(run(c, &a, "ab"), 0);
    assert_true(run(c, &b, "ab") > 0);
    finish(&b);

    /* One that crashed and was started again goes on where it was. */
    cover_reset(c);
    assert_int_equal(ask(&a, "crash"), -1);
    finish(&a);
    assert_true(cover_collect(c, true) > 0); /* what it did before it died can still be read */
    assert_int_equal(cover_shared_refresh(s, NULL), 0);
    assert_int_equal(files(), 0);
    start(&a, true);
    assert_int_equal(cover_shared_refresh(s, NULL), 1);
    assert_int_equal(cover_edges_all(c), a.edges + b.edges);
    assert_int_equal(run(c, &a, "xxxxxxxxxxxx"), 0);
    assert_true(cover_edges_seen(c) >= seen);
    cover_shared_close(s);
    assert_int_equal(ask(&a, "xxxx"), 12); /* it does not mind that nobody looks */
    finish(&a);
    cover_free(c);
}

static void test_alone(void **state)
{
    (void)state;
    struct child a;
    start(&a, false);
    assert_int_equal(ask(&a, "ab"), 1);
    finish(&a);
}

static void put(const char *name, const char *content)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(world_write_file(world, path, bytes_of(content), false, NULL), 0);
}

/* Files that are no counters, or of a process that is not there. */
static void test_foreign_files(void **state)
{
    (void)state;
    char name[64];
    struct cover *c = cover_new();
    struct cover_shared *s;
    assert_int_equal(cover_shared_open(world, folder, c, &s, NULL), 0);
    assert_int_equal(files(), 0);
    put("readme", "text");
    put("0.1", "text");
    put("99999999.0", "of nobody");
    snprintf(name, sizeof name, "%ld.0", (long)getpid());
    put(name, "short");
    snprintf(name, sizeof name, "%ld.1", (long)getpid());
    put(name, "");
    assert_int_equal(cover_shared_refresh(s, NULL), 0);
    assert_int_equal(files(), 4);
    assert_int_equal(cover_edges_all(c), 0);
    cover_shared_close(s);
    cover_free(c);
    assert_true(cover_shared_open(world, "/dev/null/x", NULL, &s, NULL) < 0);
}

static void test_memory(void **state)
{
    (void)state;
    struct child a;
    start(&a, true);
    for (size_t n = 1;; n++) {
        struct cover *c = cover_new();
        struct cover_shared *s;
        failing_arm(n);
        int rc = cover_shared_open(world, folder, c, &s, NULL);
        bool hit = failing_hit();
        failing_disarm();
        /* A world's list may do without what it asked for. */
        assert_true(rc == 0 || (hit && rc == ERROR_MEMORY));
        cover_shared_close(s);
        cover_free(c);
        if (!hit)
            break;
    }
    finish(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shared), cmocka_unit_test(test_alone),
                                       cmocka_unit_test(test_foreign_files), cmocka_unit_test(test_memory)};
    if (world_real_new(1, &world, NULL) || !mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    world_remove_tree(world, folder);
    world_real_free(world);
    return failed;
}
