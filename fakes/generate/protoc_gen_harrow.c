/* protoc-gen-harrow: protoc runs it with --harrow_out=DIR. */
#include "fakes/generate/generate.h"

#include <stdio.h>

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

int main(void)
{
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
