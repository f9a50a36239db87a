/* protoc-gen-harrow: protoc runs it with --harrow_out=DIR. */
#include "fakes/generate/generate.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE ((size_t)64 << 10)

static bool read_all(struct text *in)
{
    size_t n;
    do {
        if (in->len > GENERATE_REQUEST_MAX || !text_reserve(in, READ_SIZE))
            return false;
        n = fread(in->data + in->len, 1, READ_SIZE, stdin);
        in->len += n;
    } while (n > 0);
    return ferror(stdin) == 0;
}

static const char help[] =
    "Usage: protoc --plugin=\"$(command -v protoc-gen-harrow)\" --harrow_out=FOLDER [--harrow_opt=WORDS] FILE...\n"
    "\n"
    "A plugin of protoc, which runs it: writes test doubles in C of every service in the files, docs/fakes.md.\n"
    "\n"
    "WORDS, with commas between them:\n"
    "  messages    write the messages of the files as well, under the names protoc-c gives them\n"
    "  imports     and those of what they import\n"
    "  doubles=no  write nothing but messages\n"
    "\n"
    "Written are FILE.pb-c.h and .c (messages), fakes/fake_SERVICE.h and .c, and fakes/FILE_descriptors.h and .c.\n"
    "Compiled and linked with what `micro sdk --cflags` and `micro sdk --libs` print.\n";

/* protoc gives no arguments and does not type: who does wants to know what this is. */
static int explain(bool asked)
{
    fputs(help, asked ? stdout : stderr);
    return asked ? 0 : 2;
}

int main(int argc, char **argv)
{
    if (argc > 1 || isatty(STDIN_FILENO) == 1)
        return explain(argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0));
    struct text in = TEXT_INIT, out = TEXT_INIT;
    struct error err = ERROR_INIT;
    int code = 1;
    if (!read_all(&in)) {
        fputs("protoc-gen-harrow: the request could not be read\n", stderr);
    } else if (generate(text_bytes(&in), &out, &err) != 0) {
        fprintf(stderr, "protoc-gen-harrow: %s\n", err.message != NULL ? err.message : "out of memory");
    } else if (fwrite(text_string(&out), 1, out.len, stdout) != out.len || fflush(stdout) != 0) {
        fputs("protoc-gen-harrow: the response could not be written\n", stderr);
    } else {
        code = 0;
    }
    error_clear(&err);
    text_deinit(&in);
    text_deinit(&out);
    return code;
}
