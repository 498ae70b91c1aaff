/*! stands in for a client bundle: socket.io.js 4.8.1 */
