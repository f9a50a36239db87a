/* One scenario, both worlds: what world.h promises about files and child processes. */
#include "world/test_worlds.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void test_file(void **state)
{
    const struct fixture *f = *state;
    struct world *w = f->world;
    const char *path = fixture_path(f, "file");
    struct world_file *file;
    struct error err = ERROR_INIT;
    char buffer[32];
    assert_int_equal(world_file_open(w, path, WORLD_READ, &file, &err), ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, path));
    assert_null(file);
    error_clear(&err);
    assert_int_equal(world_file_open(w, path, WORLD_READ | WORLD_WRITE | WORLD_CREATE, &file, NULL), 0);
    assert_int_equal(world_file_size(file), 0);
    assert_int_equal(world_file_append(file, "hello", 5), 5);
    assert_int_equal(world_file_append(file, " world", 6), 6);
    assert_int_equal(world_file_pwrite(file, "J", 1, 0), 1);
    assert_int_equal(world_file_sync(file), 0);
    assert_int_equal(world_file_pread(file, buffer, sizeof(buffer), 0), 11);
    assert_memory_equal(buffer, "Jello world", 11);
    assert_int_equal(world_file_pread(file, buffer, 5, 6), 5);
    assert_memory_equal(buffer, "world", 5);
    assert_int_equal(world_file_pread(file, buffer, 5, 11), 0);
    assert_int_equal(world_file_pread(file, buffer, 5, 1000), 0);
    assert_int_equal(world_file_pwrite(file, "!", 1, 20), 1); /* a hole of zeros */
    assert_int_equal(world_file_size(file), 21);
    assert_int_equal(world_file_pread(file, buffer, 10, 11), 10);
    assert_memory_equal(buffer, "\0\0\0\0\0\0\0\0\0!", 10);
    assert_int_equal(world_file_truncate(file, 4), 0);
    assert_int_equal(world_file_truncate(file, 6), 0);
    assert_int_equal(world_file_pread(file, buffer, 10, 0), 6);
    assert_memory_equal(buffer, "Jell\0\0", 6);
    world_file_close(file);
    world_file_close(NULL);
    assert_int_equal(world_file_open(w, path, WORLD_WRITE | WORLD_CREATE | WORLD_EXCLUSIVE, &file, NULL), ERROR_EXISTS);
    assert_int_equal(world_file_open(w, path, WORLD_WRITE | WORLD_TRUNCATE, &file, NULL), 0);
    assert_int_equal(world_file_size(file), 0);
    assert_true(world_file_pread(file, buffer, 1, 0) < 0); /* not opened for reading */
    world_file_close(file);
    assert_int_equal(world_file_open(w, path, WORLD_READ, &file, NULL), 0);
    assert_true(world_file_pwrite(file, "x", 1, 0) < 0);
    world_file_close(file);
    assert_int_equal(world_file_open(w, f->directory, WORLD_READ, &file, NULL), ERROR_INVALID);
    if (!f->sim) { /* a pipe nobody writes to must not hold us */
        assert_int_equal(mkfifo(fixture_path(f, "pipe"), 0600), 0);
        assert_int_equal(world_file_open(w, fixture_path(f, "pipe"), WORLD_READ, &file, NULL), ERROR_INVALID);
    }
    assert_int_equal(world_file_open(w, fixture_path(f, "no/such"), WORLD_WRITE | WORLD_CREATE, &file, NULL),
                     ERROR_NOT_FOUND);
}

static void test_names(void **state)
{
    const struct fixture *f = *state;
    struct world *w = f->world;
    struct world_stat stat;
    struct text content = TEXT_INIT;
    assert_int_equal(world_make_directory(w, fixture_path(f, "a/b/c")), 0);
    assert_int_equal(world_make_directory(w, fixture_path(f, "a/b/c")), 0);
    assert_int_equal(world_stat(w, fixture_path(f, "a/b"), &stat), 0);
    assert_true(stat.exists && stat.directory);
    assert_int_equal(world_stat(w, fixture_path(f, "a/none"), &stat), 0);
    assert_false(stat.exists);
    assert_int_equal(world_write_file(w, fixture_path(f, "a/b/file"), bytes_of("one"), false, NULL), 0);
    assert_int_equal(world_make_directory(w, fixture_path(f, "a/b/file")), ERROR_EXISTS);
    assert_int_equal(world_stat(w, fixture_path(f, "a/b/file"), &stat), 0);
    assert_true(stat.exists && !stat.directory && stat.size == 3 && stat.modified > 0);
    assert_true(world_remove(w, fixture_path(f, "a/b")) < 0); /* not empty */
    assert_int_equal(world_remove(w, fixture_path(f, "a/b/none")), ERROR_NOT_FOUND);
    assert_int_equal(world_remove(w, fixture_path(f, "a/b/c")), 0);
    assert_int_equal(world_write_file(w, fixture_path(f, "a/other"), bytes_of("two"), false, NULL), 0);
    assert_int_equal(world_rename(w, fixture_path(f, "a/other"), fixture_path(f, "a/b/file")), 0); /* replaces */
    assert_int_equal(world_read_file(w, fixture_path(f, "a/b/file"), 100, &content, NULL), 0);
    assert_string_equal(content.data, "two");
    assert_int_equal(world_rename(w, fixture_path(f, "a/b"), fixture_path(f, "moved")), 0); /* with all below */
    text_clear(&content);
    assert_int_equal(world_read_file(w, fixture_path(f, "moved/file"), 100, &content, NULL), 0);
    assert_string_equal(content.data, "two");
    assert_int_equal(world_rename(w, fixture_path(f, "none"), fixture_path(f, "x")), ERROR_NOT_FOUND);
    assert_int_equal(world_sync_directory(w, fixture_path(f, "moved")), 0);
    assert_int_equal(world_sync_directory(w, fixture_path(f, "a/b")), ERROR_NOT_FOUND);
    assert_int_equal(world_remove_tree(w, fixture_path(f, "moved")), 0);
    assert_int_equal(world_remove_tree(w, fixture_path(f, "moved")), 0); /* gone already */
    assert_int_equal(world_stat(w, fixture_path(f, "moved"), &stat), 0);
    assert_false(stat.exists);
    text_deinit(&content);
}

static void add_name(void *arg, const char *name)
{
    text_printf(arg, "%s ", name);
}

static void test_list(void **state)
{
    const struct fixture *f = *state;
    struct world *w = f->world;
    static const char *const names[] = {"list/b", "list/a", "list/C", "list/10", "list/9", "list/sub/deep"};
    struct text found = TEXT_INIT;
    assert_int_equal(world_make_directory(w, fixture_path(f, "list/sub")), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_int_equal(world_write_file(w, fixture_path(f, names[i]), BYTES_NONE, false, NULL), 0);
    assert_int_equal(world_list(w, fixture_path(f, "list"), add_name, &found), 0);
    assert_string_equal(found.data, "10 9 C a b sub "); /* by bytes, no temporary files left */
    assert_int_equal(world_list(w, fixture_path(f, "none"), add_name, &found), ERROR_NOT_FOUND);
    text_deinit(&found);
}

struct found {
    struct text paths;
    size_t until; /* so many, then an error of its own */
};

static int add_path(void *arg, const char *path)
{
    struct found *found = arg;
    text_printf(&found->paths, "%s ", strrchr(path, '/') + 1);
    return --found->until == 0 ? ERROR_CLOSED : 0;
}

static void test_walk(void **state)
{
    const struct fixture *f = *state;
    struct world *w = f->world;
    static const char *const names[] = {"walk/b", "walk/.hidden", "walk/a/2", "walk/a/1", "walk/.git/config"};
    struct found found = {.until = SIZE_MAX};
    struct error err = ERROR_INIT;
    char deep[WORLD_WALK_DEPTH * 2 + 20] = "deep";
    assert_int_equal(world_make_directory(w, fixture_path(f, "walk/a/none")), 0);
    assert_int_equal(world_make_directory(w, fixture_path(f, "walk/.git")), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        assert_int_equal(world_write_file(w, fixture_path(f, names[i]), BYTES_NONE, false, NULL), 0);
    assert_int_equal(world_walk(w, fixture_path(f, "walk"), add_path, &found, &err), 0);
    assert_string_equal(text_string(&found.paths), "1 2 b ");
    text_clear(&found.paths);
    found.until = 2;
    assert_int_equal(world_walk(w, fixture_path(f, "walk/"), add_path, &found, &err), ERROR_CLOSED);
    assert_string_equal(text_string(&found.paths), "1 2 ");
    assert_int_equal(world_walk(w, fixture_path(f, "nowhere"), add_path, &found, &err), ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "nowhere cannot be read"));
    for (int i = 0; i < WORLD_WALK_DEPTH; i++)
        strcat(deep, "/d");
    assert_int_equal(world_make_directory(w, fixture_path(f, deep)), 0);
    assert_int_equal(world_walk(w, fixture_path(f, "deep"), add_path, &found, &err), ERROR_LIMIT);
    text_deinit(&found.paths);
    error_clear(&err);
}

static void test_whole_files(void **state)
{
    const struct fixture *f = *state;
    struct world *w = f->world;
    const char *path = fixture_path(f, "whole");
    struct text content = TEXT_INIT;
    struct error err = ERROR_INIT;
    size_t size = 200000;
    uint8_t *big = malloc(size);
    assert_non_null(big);
    for (size_t i = 0; i < size; i++)
        big[i] = (uint8_t)(i % 251);
    assert_int_equal(world_write_file(w, path, BYTES(big, size), true, &err), 0);
    text_puts(&content, "kept ");
    assert_int_equal(world_read_file(w, path, size, &content, &err), 0); /* exactly the limit */
    assert_int_equal(content.len, size + 5);
    assert_memory_equal(content.data + 5, big, size);
    text_clear(&content);
    assert_int_equal(world_read_file(w, path, size - 1, &content, &err), ERROR_LIMIT);
    assert_int_equal(content.len, 0);
    assert_non_null(strstr(err.message, "larger than"));
    error_clear(&err);
    assert_int_equal(world_write_file(w, path, bytes_of("short"), false, &err), 0);
    assert_int_equal(world_read_file(w, path, SIZE_MAX, &content, &err), 0);
    assert_string_equal(content.data, "short");
    assert_int_equal(world_write_product(w, path, bytes_of("a product"), &err), 0);
    struct text product = TEXT_INIT;
    assert_int_equal(world_read_file(w, path, 100, &product, NULL), 0);
    assert_string_equal(text_string(&product), "a product");
    text_deinit(&product);
    assert_int_equal(world_write_product(w, fixture_path(f, "no/such"), BYTES_NONE, &err), ERROR_NOT_FOUND);
    error_clear(&err);
    assert_int_equal(world_write_file(w, fixture_path(f, "no/such"), BYTES_NONE, false, &err), ERROR_NOT_FOUND);
    error_clear(&err);
    text_deinit(&content);
    free(big);
}

/* What is no file is written to and stays what it is, by whatever name: no /dev/null becomes a file. */
static void test_write_pipe(void **state)
{
    const struct fixture *f = *state;
    struct stat s;
    char got[32] = "";
    const char *pipe_path = fixture_path(f, "pipe"), *link_path = fixture_path(f, "link");
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    assert_int_equal(symlink(pipe_path, link_path), 0);
    int reader = open(pipe_path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    assert_int_equal(world_write_product(f->world, pipe_path, bytes_of("product "), NULL), 0);
    assert_int_equal(world_write_file(f->world, link_path, bytes_of("file"), false, NULL), 0);
    assert_int_equal(read(reader, got, sizeof got - 1), 12);
    assert_string_equal(got, "product file");
    assert_int_equal(lstat(pipe_path, &s), 0);
    assert_true(S_ISFIFO(s.st_mode));
    assert_int_equal(lstat(link_path, &s), 0);
    assert_true(S_ISLNK(s.st_mode));
    close(reader);
}

static void test_private_mode(void **state)
{
    const struct fixture *f = *state;
    struct stat s;
    assert_int_equal(world_write_file(f->world, fixture_path(f, "secret"), bytes_of("x"), true, NULL), 0);
    assert_int_equal(stat(fixture_path(f, "secret"), &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    assert_int_equal(world_make_directory(f->world, fixture_path(f, "closed")), 0);
    assert_int_equal(stat(fixture_path(f, "closed"), &s), 0);
    assert_int_equal(s.st_mode & 0777, 0700);
    /* A link is removed, not followed. */
    assert_int_equal(world_make_directory(f->world, fixture_path(f, "kept")), 0);
    assert_int_equal(world_write_file(f->world, fixture_path(f, "kept/file"), bytes_of("x"), false, NULL), 0);
    assert_int_equal(symlink(fixture_path(f, "kept"), fixture_path(f, "closed/link")), 0);
    assert_int_equal(world_remove_tree(f->world, fixture_path(f, "closed")), 0);
    struct world_stat ws;
    assert_int_equal(world_stat(f->world, fixture_path(f, "kept/file"), &ws), 0);
    assert_true(ws.exists);
}

/* ---- child processes (real) -------------------------------------------------------------------------------------- */

struct child {
    struct world_process *process;
    struct text out, err;
    size_t lines, longest, exits;
    struct world_exit how;
};

static void child_output(void *arg, int fd, struct bytes line)
{
    struct child *c = arg;
    assert_int_equal(c->exits, 0);
    assert_true(fd == 1 || fd == 2);
    struct text *t = fd == 1 ? &c->out : &c->err;
    text_add(t, line.data, line.len);
    text_char(t, '|');
    c->lines++;
    if (line.len > c->longest)
        c->longest = line.len;
}

static void child_exited(void *arg, struct world_exit how)
{
    struct child *c = arg;
    c->exits++;
    c->how = how;
}

static const struct world_process_events child_events = {.output = child_output, .exited = child_exited};

static void child_start(const struct fixture *f, struct child *c, const struct world_spawn *spawn)
{
    struct error err = ERROR_INIT;
    int code = world_process_spawn(f->world, spawn, &child_events, c, &c->process, &err);
    if (code < 0)
        fail_msg("%s", err.message);
    assert_true(world_process_id(c->process) > 0);
}

static void child_finish(const struct fixture *f, struct child *c)
{
    wait_count(f->world, &c->exits, 1);
    assert_false(world_process_running(c->process));
    assert_int_equal(world_process_signal(c->process, SIGKILL), ERROR_NOT_FOUND);
    world_process_close(c->process);
    text_deinit(&c->out);
    text_deinit(&c->err);
}

#define SHELL(script) ((const char *const[]){"sh", "-c", (script), NULL})

static void test_child_output(void **state)
{
    const struct fixture *f = *state;
    struct child c = {0};
    const char *const environment[] = {"HARROW_GREETING=hello", "HOME=/nowhere", NULL};
    child_start(f, &c,
                &(struct world_spawn){.name = "child",
                                      .argv = SHELL("echo $HARROW_GREETING; echo $HOME; pwd; echo oops >&2;"
                                                    "echo; printf unfinished; exit 3"),
                                      .environment = environment,
                                      .directory = f->directory});
    wait_count(f->world, &c.exits, 1);
    assert_false(c.how.signalled);
    assert_int_equal(c.how.code, 3);
    char expected[256];
    snprintf(expected, sizeof(expected), "hello|/nowhere|%s||unfinished|", f->directory);
    assert_string_equal(c.out.data, expected);
    assert_string_equal(c.err.data, "oops|");
    child_finish(f, &c);
}

static void test_child_long_lines(void **state)
{
    const struct fixture *f = *state;
    struct child c = {0};
    child_start(f, &c, &(struct world_spawn){.argv = SHELL("head -c 100000 /dev/zero | tr '\\0' x; echo; echo end")});
    wait_count(f->world, &c.exits, 1);
    assert_int_equal(c.longest, 16384);
    assert_int_equal(c.lines, 100000 / 16384 + 1 + 1);
    size_t letters = 0;
    for (size_t i = 0; i < c.out.len; i++)
        letters += c.out.data[i] == 'x' ? 1 : 0;
    assert_int_equal(letters, 100000);
    assert_non_null(strstr(c.out.data, "|end|"));
    child_finish(f, &c);
}

/* What it is given it reads to the end; raw output comes as it is, bytes that are no text included. */
static void test_child_input(void **state)
{
    const struct fixture *f = *state;
    static uint8_t big[200000];
    struct child c = {0};
    memset(big, 'y', sizeof big);
    memcpy(big, "a\nb\n", 4);
    child_start(f, &c,
                &(struct world_spawn){.argv = SHELL("cat"), .raw_output = true, .input = BYTES(big, sizeof big)});
    wait_count(f->world, &c.exits, 1);
    size_t marks = 0; /* child_output() ends each piece with one */
    for (size_t i = 0; i < c.out.len; i++)
        marks += c.out.data[i] == '|' ? 1 : 0;
    assert_int_equal(c.out.len - marks, sizeof big);
    assert_memory_equal(c.out.data, "a\nb\ny", 5);
    child_finish(f, &c);
    struct child none = {0};
    child_start(f, &none, &(struct world_spawn){.argv = SHELL("cat; echo end"), .input = BYTES("", 0)});
    wait_count(f->world, &none.exits, 1);
    assert_string_equal(none.out.data, "end|");
    child_finish(f, &none);
}

static void test_child_signal(void **state)
{
    const struct fixture *f = *state;
    struct child c = {0};
    uint64_t resident = 0, cpu = 0;
    child_start(f, &c, &(struct world_spawn){.argv = SHELL("echo ready; sleep 100 & wait")});
    wait_count(f->world, &c.lines, 1);
    assert_true(world_process_running(c.process));
    assert_int_equal(world_process_usage(c.process, &resident, &cpu), 0);
    assert_true(resident > 0);
    assert_int_equal(world_process_signal(c.process, SIGTERM), 0);
    wait_count(f->world, &c.exits, 1);
    assert_true(c.how.signalled);
    assert_int_equal(c.how.code, SIGTERM);
    child_finish(f, &c);
}

static void test_child_missing(void **state)
{
    const struct fixture *f = *state;
    struct world_process *p;
    struct error err = ERROR_INIT;
    struct world_spawn spawn = {.argv = (const char *const[]){"/no/such/program", NULL}};
    assert_int_equal(world_process_spawn(f->world, &spawn, &child_events, NULL, &p, &err), ERROR_NOT_FOUND);
    assert_string_equal(err.message, "cannot run /no/such/program: No such file or directory");
    assert_null(p);
    error_clear(&err);
    spawn = (struct world_spawn){.argv = SHELL("true"), .directory = "/no/such"};
    assert_int_equal(world_process_spawn(f->world, &spawn, &child_events, NULL, &p, &err), ERROR_NOT_FOUND);
    assert_string_equal(err.message, "cannot run sh in /no/such: No such file or directory");
    error_clear(&err);
    spawn = (struct world_spawn){.argv = (const char *const[]){NULL}};
    assert_int_equal(world_process_spawn(f->world, &spawn, &child_events, NULL, &p, &err), ERROR_INVALID);
    error_clear(&err);
    spawn = (struct world_spawn){.argv = (const char *const[]){f->directory, NULL}};
    assert_int_equal(world_process_spawn(f->world, &spawn, &child_events, NULL, &p, &err), ERROR_DENIED);
    error_clear(&err);
}

/* Until the process is gone, or a zombie that its reaper has not come to yet. */
static void wait_dead(const struct fixture *f, int process)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", process);
    for (int i = 0; i < 60000; i++) { /* of a millisecond at least */
        FILE *stat_file = fopen(path, "r");
        if (!stat_file)
            return;
        const char *read = fgets(line, sizeof(line), stat_file);
        fclose(stat_file);
        const char *end = read ? strrchr(line, ')') : NULL;
        if (!end || end[2] == 'Z' || end[2] == 'X')
            return;
        assert_int_equal(world_sleep(f->world, MILLISECOND), 0);
    }
    fail_msg("process %d is still there", process);
}

/* Closing kills, with the whole group; nothing is left of it and nobody is told. */
static void test_child_close(void **state)
{
    const struct fixture *f = *state;
    struct child c = {0};
    child_start(f, &c, &(struct world_spawn){.argv = SHELL("sleep 100 & echo $!; wait")});
    wait_count(f->world, &c.lines, 1);
    int grandchild = (int)strtol(c.out.data, NULL, 10);
    int64_t id = world_process_id(c.process);
    assert_true(grandchild > 1);
    world_process_close(c.process);
    world_process_close(NULL);
    assert_int_equal(world_run(f->world), 0); /* until it is reaped */
    assert_int_equal(kill((pid_t)id, 0), -1);
    assert_int_equal(errno, ESRCH);
    wait_dead(f, grandchild); /* it has gone to init, which reaps it when it likes */
    assert_int_equal(c.exits, 0);
    text_deinit(&c.out);
    text_deinit(&c.err);
}

/* What the leader started ends with the leader; and, with the keeper, when we are gone ourselves: here a process
 * between, which dies without a word. */
static void test_child_group(void **state)
{
    const struct fixture *f = *state;
    struct child c = {0}, d = {0};
    child_start(f, &c, &(struct world_spawn){.argv = SHELL("sleep 100 & echo $!"), .whole_group = true});
    wait_count(f->world, &c.exits, 1);
    assert_int_equal(c.how.code, 0);
    wait_dead(f, (int)strtol(c.out.data, NULL, 10));
    child_finish(f, &c);

    int words[2];
    assert_int_equal(pipe(words), 0);
    pid_t between = fork();
    if (between == 0) {
        struct world *own = NULL;
        struct world_process *p = NULL;
        const struct world_spawn how = {.argv = SHELL("sleep 100 & echo $!; wait"), .whole_group = true};
        const struct world_process_events events = {.output = child_output};
        if (world_real_new(2, &own, NULL) < 0 || world_process_spawn(own, &how, &events, &d, &p, NULL) < 0)
            _exit(1);
        while (d.lines == 0)
            (void)world_sleep(own, MILLISECOND);
        const int told[2] = {(int)strtol(d.out.data, NULL, 10), (int)world_process_id(p)};
        if (write(words[1], told, sizeof(told)) != (ssize_t)sizeof(told))
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    int told[2] = {0};
    close(words[1]);
    assert_int_equal(read(words[0], told, sizeof(told)), sizeof(told));
    close(words[0]);
    assert_int_equal(waitpid(between, NULL, 0), between);
    assert_true(told[0] > 1 && told[1] > 1);
    wait_dead(f, told[0]);
    wait_dead(f, told[1]);
}

static void test_child_clean(void **state)
{
    const struct fixture *f = *state;
    struct child c = {0};
    const char *const environment[] = {"ONLY=this", NULL};
    const struct world_limits limits = {.open_files = 77, .file_size = 4096};
    assert_int_equal(setenv("HARROW_SECRET", "xyzzy", 1), 0);
    assert_string_equal(world_environment(f->world, "HARROW_SECRET"), "xyzzy");
    assert_null(world_environment(f->world, "HARROW_NO_SUCH_NAME"));
    child_start(f, &c,
                &(struct world_spawn){.argv = (const char *const[]){"/bin/sh", "-c",
                                                                    "echo \"$HARROW_SECRET$HOME$ONLY\"; ulimit -n;"
                                                                    "ulimit -c",
                                                                    NULL},
                                      .environment = environment,
                                      .clean_environment = true,
                                      .limits = &limits});
    wait_count(f->world, &c.exits, 1);
    assert_string_equal(c.out.data, "this|77|0|");
    child_finish(f, &c);
    assert_int_equal(unsetenv("HARROW_SECRET"), 0);
}

/* A grandchild that keeps the pipe open does not delay the news of the exit: it lives on when that has come. */
static void test_child_heir(void **state)
{
    const struct fixture *f = *state;
    struct child c = {0};
    child_start(f, &c, &(struct world_spawn){.argv = SHELL("sleep 100 & echo $!")});
    wait_count(f->world, &c.exits, 1);
    assert_int_equal(c.lines, 1);
    pid_t heir = (pid_t)strtol(c.out.data, NULL, 10);
    assert_true(heir > 1);
    assert_int_equal(kill(heir, SIGKILL), 0);
    child_finish(f, &c);
}

static void test_child_left(void **state)
{
    const struct fixture *f = *state;
    static struct child c;
    c = (struct child){0};
    child_start(f, &c, &(struct world_spawn){.argv = SHELL("sleep 100")});
}

static void on_terminate(void *arg, int number)
{
    *(size_t *)arg += (size_t)number;
}

static void test_signal_handler(void **state)
{
    const struct fixture *f = *state;
    size_t seen = 0;
    void (*inherited)(int) = signal(SIGHUP, SIG_DFL); /* who runs the tests may be nohup */
    world_on_signal(f->world, on_terminate, &seen);
    raise(SIGTERM);
    assert_int_equal(world_sleep(f->world, MILLISECOND), 0);
    assert_int_equal(seen, SIGTERM);
    raise(SIGINT);
    assert_int_equal(world_sleep(f->world, MILLISECOND), 0);
    assert_int_equal(seen, SIGTERM + SIGINT);
    raise(SIGHUP);
    assert_int_equal(world_sleep(f->world, MILLISECOND), 0);
    assert_int_equal(seen, SIGTERM + SIGINT + SIGHUP);
    world_on_signal(f->world, NULL, NULL);
    /* As nohup leaves it: it stays ignored. */
    (void)signal(SIGHUP, SIG_IGN);
    world_on_signal(f->world, on_terminate, &seen);
    raise(SIGHUP);
    assert_int_equal(world_sleep(f->world, MILLISECOND), 0);
    assert_int_equal(seen, SIGTERM + SIGINT + SIGHUP);
    signal(SIGHUP, inherited);
    world_on_signal(f->world, NULL, NULL);
    assert_int_equal(world_run(f->world), 0);
}

/* ---- points from the environment --------------------------------------------------------------------------------- */

static void test_points_environment(void **state)
{
    (void)state;
    struct world *w;
    struct error err = ERROR_INIT;
    assert_int_equal(setenv("HARROW_POINTS", "store.commit=error@2,,other=error@1+", 1), 0);
    assert_int_equal(world_real_new(1, &w, &err), 0);
    assert_int_equal(world_point(w, "store.commit"), 0);
    assert_int_equal(world_point(w, "store.commit"), ERROR_INJECTED);
    assert_int_equal(world_point(w, "store.commit"), 0);
    assert_int_equal(world_point(w, "other"), ERROR_INJECTED);
    assert_int_equal(world_point(w, "other"), ERROR_INJECTED);
    world_real_free(w);
    static const char *const bad[] = {"x",         "=crash",   "x=",        "x=explode",
                                      "x=crash@0", "x=crash@", "x=crash@y", "a b=crash"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(setenv("HARROW_POINTS", bad[i], 1), 0);
        assert_int_equal(world_real_new(1, &w, &err), ERROR_SYNTAX);
        assert_null(w);
        assert_string_equal(err.message, "HARROW_POINTS");
        assert_non_null(err.cause);
        error_clear(&err);
    }
    assert_int_equal(unsetenv("HARROW_POINTS"), 0);
}

/* The crash itself, in a child: this program again, told by an argument. */
static char self[4096];

static void test_point_crash(void **state)
{
    const struct fixture *f = *state;
    struct child c = {0};
    const char *const environment[] = {"HARROW_POINTS=here=crash@3", NULL};
    child_start(f, &c,
                &(struct world_spawn){.argv = (const char *const[]){self, "crash", NULL}, .environment = environment});
    wait_count(f->world, &c.exits, 1);
    assert_true(c.how.signalled);
    assert_int_equal(c.how.code, SIGKILL);
    assert_string_equal(c.out.data, "hit|hit|");
    child_finish(f, &c);
}

static int crash_main(void)
{
    struct world *w;
    if (world_real_new(1, &w, NULL) < 0)
        return 1;
    for (int i = 0; i < 5; i++) {
        world_point(w, "here");
        puts("hit");
        fflush(stdout);
    }
    world_real_free(w);
    return 0;
}

#define BOTH(test)                                                                                                     \
    {#test ", real", test, fixture_real, fixture_end, NULL},                                                           \
    {                                                                                                                  \
#test ", sim", test, fixture_sim, fixture_end, NULL                                                            \
    }
#define REAL(test)                                                                                                     \
    {                                                                                                                  \
#test, test, fixture_real, fixture_end, NULL                                                                   \
    }

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "crash") == 0)
        return crash_main();
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (len <= 0)
        return 1;
    const struct CMUnitTest tests[] = {
        BOTH(test_file),
        BOTH(test_names),
        BOTH(test_list),
        BOTH(test_walk),
        BOTH(test_whole_files),
        REAL(test_private_mode),
        REAL(test_write_pipe),
        REAL(test_child_output),
        REAL(test_child_long_lines),
        REAL(test_child_input),
        REAL(test_child_signal),
        REAL(test_child_missing),
        REAL(test_child_close),
        REAL(test_child_group),
        REAL(test_child_clean),
        REAL(test_child_heir),
        REAL(test_child_left),
        REAL(test_signal_handler),
        {"test_points_environment", test_points_environment, NULL, NULL, NULL},
        REAL(test_point_crash),
    };
    return cmocka_run_group_tests_name("files and children", tests, NULL, NULL);
}
