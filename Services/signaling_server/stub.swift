import GRDB
import Hummingbird

@main struct Stub_signaling_server {
    static func main() {}
}
