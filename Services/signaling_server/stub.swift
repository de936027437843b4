import Hummingbird
import GRDB
@main struct Stub_signaling_server {
    static func main() {}
}
