@main struct Stub_tcp_server {
    static func main() {}
}
