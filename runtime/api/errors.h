/* Errors of the gateway: what a gRPC answer becomes over HTTP, as a status and Micro's JSON body
 * {"id":...,"code":...,"detail":...,"status":...}. */
#ifndef RUNTIME_API_ERRORS_H
#define RUNTIME_API_ERRORS_H

#include "base/bytes.h"
#include "base/text.h"
#include "runtime/service/service.h"

#define API_ERROR_ID "go.micro.api"

/* The error behind a finished call. A micro error in the message speaks for itself; anything else is judged by the gRPC
 * status, with the id "go.micro.api". */
void api_error_of(int grpc_status, struct bytes message, struct micro_error *out);
void api_error_set(struct micro_error *out, int code, const char *id, const char *detail);
void api_error_json(const struct micro_error *error, struct text *out);

#endif
