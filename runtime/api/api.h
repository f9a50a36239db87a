/* The component "api": the HTTP gateway on v3's port, and beside it a gRPC server for Debug, health and reflection, as
 * every component has one. (v3 puts that one on a random port; here it is the port where micro v2 had its health
 * sidecar, so that it can be found.) */
#ifndef RUNTIME_API_API_H
#define RUNTIME_API_API_H

#define API_PORT_OFFSET 80 /* the gateway, from the base port */
#define API_GRPC_OFFSET 89 /* the gRPC server */

#endif
